"""The tree of the README: every file with the first sentence of its docstring. `--write` updates the README.

A tree written by hand is wrong after a month. This one is the code's own words; a test compares them.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- tree -->\n```\n", "```\n<!-- /tree -->"
SHOWN = ("orchestrator", "data_pipeline", "benchmarks", "docs", "model_specs", "cluster", ".ci")
TOP = {
    "Makefile": "the user's surface",
    "pyproject.toml": "package, pinned dependencies, tool settings",
    "constraints.txt": "every transitive dependency, pinned",
}
WIDTH = 44


def files() -> list[str]:
    """Tracked files and new ones that git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return sorted(path for path in set(listed.stdout.split()) if (ROOT / path).exists())


def purpose(path: Path) -> str:
    """The first sentence of a Python file's docstring, or of the comment that opens a page or script."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        lines = (ast.get_docstring(ast.parse(text)) or "").splitlines()
        words = " ".join(lines[: lines.index("")] if "" in lines else lines)
    elif path.suffix == ".md":
        words = text.splitlines()[2].strip() if len(text.splitlines()) > 2 else ""
    elif path.suffix == ".json":
        words = json.loads(text).get("about", "JSON Schema, for editors (make schema)")
    else:
        comments = [line[1:].strip() for line in text.splitlines()[:4] if line.startswith("#") and "$schema" not in line]
        words = " ".join(line for line in comments if not line.startswith("!")).partition(": ")[0]
    return re.split(r"(?<=[a-z0-9`)])\. |[.:]$", words)[0]


def tree() -> str:
    """The tree as text."""
    lines = [f"{name:<{WIDTH}}{words}" for name, words in TOP.items()]
    open_folders: tuple[str, ...] = ()
    for name in files():
        path = Path(name)
        if path.parts[0] not in SHOWN:
            continue
        folders = path.parts[:-1]
        for depth, folder in enumerate(folders):
            if folders[: depth + 1] != open_folders[: depth + 1]:
                package = ROOT.joinpath(*folders[: depth + 1], "__init__.py")
                words = purpose(package) if package.exists() else ""
                lines.append(f"{'  ' * depth + folder + '/':<{WIDTH}}{words}".rstrip())
        open_folders = folders
        if path.name != "__init__.py":
            lines.append(f"{'  ' * len(folders) + path.name:<{WIDTH}}{purpose(ROOT / path)}".rstrip())
    lines.append(f"{'tests/':<{WIDTH}}mirrors the tree; a test reads as a specification")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Prints the tree, or writes it into the README."""
    readme = ROOT / "README.md"
    if "--write" not in sys.argv:
        print(tree(), end="")
        return 0
    before, _, rest = readme.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(before + BEGIN + tree() + END + after, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
