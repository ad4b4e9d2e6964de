"""One preparation in a process of its own, and what it left."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import sysconfig
from pathlib import Path

from orchestrator.launch.processes import Process

PAGE = """
sources: [{{name: corpus, kind: files, paths: '{corpus}', limit: {limit}, weight: 1}}]
steps: [uniform_whitespace, {{dedup_template_soft: {{least: 5}}}}, near_duplicates, repeated_substrings, {{filter_small_docs: {{words: 5}}}}]
tokenizer: {{train: byte_bpe, vocab_size: 1000, sample: 1MB}}
block: 200KB
"""
FILES = 12


def write_page(folder: Path, corpus: str | None, limit: str) -> Path:
    """Without a corpus, of the sources of the standard library, in files that give a block or more each."""
    if corpus is None:
        (folder / "texts").mkdir()
        sources = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
        for number in range(FILES):
            rows = [json.dumps({"text": path.read_text("utf-8")}) for path in sources[number::FILES]]
            (folder / "texts" / f"{number}.jsonl").write_text("".join(f"{row}\n" for row in rows), "utf-8")
        corpus = str(folder / "texts" / "*.jsonl")
    page = folder / "faults.yaml"
    page.write_text(PAGE.format(corpus=corpus, limit=limit))
    return page


def command(page: Path, data: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "orchestrator.cli", "data", "--mixture", str(page), "--data", str(data), *more]


def prepared(page: Path, data: Path, *more: str) -> Path:
    """The prepared folder, made to the end."""
    done = subprocess.run(command(page, data, *more), check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"a preparation that nothing disturbed ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    (facts,) = data.glob("*/prepared.json")
    return facts.parent


def jobs_done(data: Path) -> int:
    return len(list(data.glob(".work/*/*/receipt.json")))


def contents(folder: Path) -> dict[str, str]:
    """Every file of a folder -> sha256."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }  # fmt: skip


def left_over(data: Path) -> list[str]:
    """Files that are half of something: none, once a preparation has come to its end or has told why not."""
    found = [*data.rglob("*.partial"), *data.glob(".work/*/.*"), *data.glob(".work/*/ticks/*")]
    return [str(path.relative_to(data)) for path in found]


def words_of(process: Process) -> bytes:
    """The command line of a process, empty when it has ended."""
    try:
        return Path(f"/proc/{process.pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
