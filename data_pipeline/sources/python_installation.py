"""Real text that every machine has: the Python installation itself.

A first run must not begin with a download. An installed Python holds some ten megabytes of program
text, documentation and licences, all of it published under free licences, and the same for everyone
with the same Python and packages, however and wherever it is started.

    library        modules of the standard library, as they are (without tests)
    documentation  docstrings of further modules, pydoc's language topics, .txt and .rst files
    packages       descriptions and licences of the installed distributions
    translations   gettext catalogs (.mo), where the installation has any

A module is read either as source or for its docstrings, never both: else a held-out docstring
would stand in the training set inside its module. Distributions installed from a local folder are
left out: their text is being edited, and every edit would make another data set.
"""

from __future__ import annotations

import ast
import gettext
import hashlib
import os
import platform
import sys
import sysconfig
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from data_pipeline.sources import SOURCES, Block, Document, Rejected, Source
from orchestrator.pages import Bytes

Part = Literal["library", "documentation", "packages", "translations"]
# tests are not installed everywhere; encodings holds tables of character sets, which are no text
_LEFT_OUT = {"__pycache__", "site-packages", "dist-packages", "ensurepip", "encodings"}
_LEFT_OUT |= {"test", "tests", "idle_test"}
_DOCSTRING_SHARE = 3  # one module in three is read for its docstrings


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidate:
    """A document that may be drawn; `read` gives its text, or raises OSError or ValueError."""

    id: str
    read: Callable[[], str]

    @property
    def rank(self) -> bytes:
        return hashlib.sha256(self.id.encode()).digest()


@SOURCES.register
class PythonInstallation(Source):
    kind: Literal["python_installation"]
    parts: tuple[Part, ...] = Field(default=("library", "documentation", "packages"), min_length=1)
    limit: Annotated[Bytes, Field(ge=1)] | None = Field(
        default=None, description="bytes of text at most, shared equally by the parts"
    )

    def read(self, block: Block) -> Iterator[Document | Rejected]:
        for part in dict.fromkeys(self.parts):
            share = None if self.limit is None else self.limit // len(set(self.parts))
            for drawn in _draw(_CANDIDATES[part](), share):
                if isinstance(drawn, Rejected):
                    yield drawn
                else:
                    yield Document(id=drawn[0], text=drawn[1], source=self.name, meta={"part": part})

    def signature(self) -> str:
        facts = [platform.python_implementation(), sys.version]
        if {"library", "documentation"} & set(self.parts):
            facts += [_stamp(name, path) for name, path in _library_files((".py", ".txt", ".rst"))]
        if "packages" in self.parts:
            facts += sorted(entry.name for folder in _site_folders() for entry in Path(folder).glob("*-info"))
        if "translations" in self.parts:
            facts += [_stamp(name, path) for name, path in _catalogs()]
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def _draw(candidates: list[_Candidate], limit: int | None) -> Iterator[tuple[str, str] | Rejected]:
    """(id, text) in the order of the hash of the id, so that a cap takes a fair sample of the whole.

    A text that does not fit in what is left is passed over; the draw ends when 98 % is reached.
    """
    total = 0
    for candidate in sorted(candidates, key=lambda candidate: candidate.rank):
        if limit is not None and limit - total < limit / 50:
            return
        try:
            text = candidate.read()
        except (OSError, ValueError, SyntaxError) as error:
            yield Rejected(where=candidate.id, reason=f"cannot be read: {type(error).__name__}")
            continue
        size = len(text.encode(errors="replace"))
        if text.strip() and (limit is None or total + size <= limit):
            total += size
            yield candidate.id, text


def _library_files(suffixes: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """(path inside the standard library, path) of the files with these suffixes, in a fixed order."""
    root = Path(sysconfig.get_path("stdlib"))
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(set(folders) - _LEFT_OUT)
        for name in sorted(files):
            path = Path(folder, name)
            # _sysconfigdata holds the paths and flags of the machine that built this Python
            if path.suffix in suffixes and not name.startswith("_sysconfigdata"):
                yield path.relative_to(root).as_posix(), path


def _for_docstrings(name: str) -> bool:
    return hashlib.sha256(b"docstrings:" + name.encode()).digest()[0] % _DOCSTRING_SHARE == 0


def _library() -> list[_Candidate]:
    # pydoc_data/topics.py is one large table of texts, which `documentation` reads properly
    files = (pair for pair in _library_files((".py",)) if not pair[0].startswith("pydoc_data/"))
    return [
        _Candidate(id=f"library/{name}", read=partial(_python_text, path))
        for name, path in files
        if not _for_docstrings(name)
    ]


def _documentation() -> list[_Candidate]:
    from pydoc_data.topics import topics

    found: dict[str, Callable[[], str]] = {f"topics/{name}": text.__str__ for name, text in topics.items()}
    for name, path in _library_files((".py", ".txt", ".rst")):
        if path.suffix != ".py":
            found[f"files/{name}"] = partial(path.read_text, "utf-8")
        elif _for_docstrings(name) and not name.startswith("pydoc_data/"):
            found[f"docstrings/{name}"] = partial(_docstrings, path)
    return [_Candidate(id=f"documentation/{key}", read=read) for key, read in found.items()]


def _packages() -> list[_Candidate]:
    found: dict[str, Callable[[], str]] = {}
    for distribution in metadata.distributions(path=_site_folders()):
        direct = distribution.read_text("direct_url.json")
        if direct is not None and '"file:' in direct:
            continue
        about = distribution.metadata
        name = str(about["Name"]).lower()
        found[f"packages/{name}/description"] = partial(_description, about)
        for licence in about.get_all("License-File") or ():
            found[f"packages/{name}/{Path(licence).as_posix()}"] = partial(_licence, distribution, licence)
    return [_Candidate(id=key, read=read) for key, read in found.items()]


def _translations() -> list[_Candidate]:
    return [
        _Candidate(id=f"translations/{name}", read=partial(_catalog_text, path)) for name, path in _catalogs()
    ]


_CANDIDATES: dict[Part, Callable[[], list[_Candidate]]] = {
    "library": _library,
    "documentation": _documentation,
    "packages": _packages,
    "translations": _translations,
}


def _python_text(path: Path) -> str:
    with tokenize.open(path) as file:
        return file.read()


def _docstrings(path: Path) -> str:
    """The docstrings of a module in order, each under the qualified name that it documents."""
    pieces: list[str] = []

    def visit(node: ast.AST, name: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{name}.{child.name}"
                if text := ast.get_docstring(child):
                    pieces.append(f"{inner}\n\n{text}")
                visit(child, inner)

    module = ast.parse(_python_text(path))
    if text := ast.get_docstring(module):
        pieces.append(f"{path.stem}\n\n{text}")
    visit(module, path.stem)
    return "\n\n\n".join(pieces)


def _description(about: metadata.PackageMetadata) -> str:
    body = about["Description"] if "Description" in about else about.get_payload()  # type: ignore[attr-defined]
    summary = about["Summary"] if "Summary" in about else ""  # noqa: SIM401 - typed without get
    return f"{about['Name']}: {summary}\n\n{body or ''}"


def _licence(distribution: metadata.Distribution, name: str) -> str:
    """Since metadata 2.4 licences lie in `licenses/`; before, beside METADATA."""
    text = distribution.read_text(f"licenses/{name}") or distribution.read_text(name)
    return text or ""


def _site_folders() -> list[str]:
    """Where distributions are installed. sys.path would add the current folder, if Python was started so."""
    return sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})


def _catalogs() -> Iterator[tuple[str, Path]]:
    for prefix in dict.fromkeys((sys.base_prefix, sys.prefix)):
        root = Path(prefix, "share", "locale")
        for path in sorted(root.glob("*/LC_MESSAGES/*.mo")):
            yield path.relative_to(root).as_posix(), path


def _catalog_text(path: Path) -> str:
    with path.open("rb") as file:
        catalog = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]  # no public listing exists
    messages = [text for _, text in sorted((str(key), text) for key, text in catalog.items() if key)]
    return "\n".join(dict.fromkeys(messages))


def _stamp(name: str, path: Path) -> str:
    status = path.stat()
    return f"{name} {status.st_size} {status.st_mtime_ns}"
