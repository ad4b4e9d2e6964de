"""Preparation under kill -9: what comes out is what an undisturbed one gives, byte for byte.

    python -m benchmarks.data_faults [--corpus FOLDER] [--kills 20] [--workers 2] [--seed 0]

Each trial starts a preparation in a new folder, kills its process (and with it, what it started) at a random moment, starts it
again, and compares every file of the prepared folder. Without a corpus the texts are those of the Python installation.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PAGE = """
sources: {sources}
steps: [uniform_whitespace, {{dedup_template_soft: {{least: 5}}}}, near_duplicates, repeated_substrings, {{filter_small_docs: {{words: 5}}}}]
tokenizer: {{train: byte_bpe, vocab_size: 1000, sample: 1MB}}
block: 300KB
"""
INSTALLED = "[{name: library, kind: python_installation, parts: [library], limit: 3MB, weight: 1}]"
FOLDER = "[{{name: corpus, kind: files, paths: '{corpus}', weight: 1}}]"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", help="files of texts, a path or a glob")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sources = FOLDER.format(corpus=options.corpus) if options.corpus else INSTALLED
        page = folder / "faults.yaml"
        page.write_text(PAGE.format(sources=sources))
        began = time.monotonic()
        expected = contents(prepared(page, folder / "undisturbed", options.workers))
        lasted = time.monotonic() - began
        print(f"undisturbed: {lasted:.1f} s, {len(expected)} files, {options.workers} workers")
        equal = 0
        for trial in range(options.kills):
            data = folder / f"trial-{trial}"
            moment = chance.uniform(0.2, lasted)
            killed = start_and_kill(page, data, options.workers, moment)
            jobs = len(list(data.glob(".work/*/*/receipt.json")))
            same = contents(prepared(page, data, options.workers)) == expected
            equal += same
            print(f"{trial:>3}  {'killed' if killed else 'ended'} after {moment:5.1f} s, {jobs:>3} jobs done  {'equal' if same else 'DIFFERENT'}")
        print(f"{equal} of {options.kills} byte-identical")
    return 0 if equal == options.kills else 1


def prepared(page: Path, data: Path, workers: int) -> Path:
    """The prepared folder, made to the end."""
    subprocess.run(command(page, data, workers), check=True, stdout=subprocess.DEVNULL)
    (facts,) = data.glob("*/prepared.json")
    return facts.parent


def start_and_kill(page: Path, data: Path, workers: int, moment: float) -> bool:
    """Whether it was still going on."""
    process = subprocess.Popen(command(page, data, workers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(moment)
    alive = process.poll() is None
    if alive:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return alive


def command(page: Path, data: Path, workers: int) -> list[str]:
    return [sys.executable, "-m", "orchestrator.cli", "data", "--mixture", str(page), "--data", str(data), "--workers", str(workers)]


def contents(folder: Path) -> dict[str, str]:
    """Every file of a folder -> sha256."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
