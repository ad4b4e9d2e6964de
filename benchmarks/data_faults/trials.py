"""One preparation in a process of its own, and what it left."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

PAGE = """
sources: [{source}]
steps: [uniform_whitespace, {{dedup_template_soft: {{least: 5}}}}, near_duplicates, repeated_substrings, {{filter_small_docs: {{words: 5}}}}]
tokenizer: {{train: byte_bpe, vocab_size: 1000, sample: 1MB}}
block: 300KB
"""
INSTALLED = "{{name: library, kind: python_installation, parts: [library], limit: {limit}, weight: 1}}"
FILES = "{{name: corpus, kind: files, paths: '{corpus}', limit: {limit}, weight: 1}}"


def write_page(folder: Path, corpus: str | None, limit: str) -> Path:
    source = FILES.format(corpus=corpus, limit=limit) if corpus else INSTALLED.format(limit=limit)
    page = folder / "faults.yaml"
    page.write_text(PAGE.format(source=source))
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
