"""Signatures per core-second, here, by datasketch and by datatrove, in turn."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from datasketch import MinHash

from data_pipeline.dedup.minhash import signature
from data_pipeline.dedup.shingles import shingles_of, words_of
from data_pipeline.documents import Document
from data_pipeline.measures.view import TextView, view_of
from data_pipeline.steps import STEPS, Wide
from data_pipeline.surveys import MARKS

NONE = np.zeros(0, MARKS)
PERMUTATIONS = 112


def spent(work: Callable[[], object]) -> float:
    view_of("")
    began = time.process_time()
    work()
    return time.process_time() - began


def surveyed(name: str, documents: list[Document]) -> Callable[[], object]:
    """The look of a step at all documents."""
    step = STEPS.get(name)(step=name)
    assert isinstance(step, Wide)
    look = step.survey(None, 0)
    return lambda: [look(entry, NONE) for entry in documents]


def minhash_lines(documents: list[Document], peer: str | None, runs: int) -> Iterator[str]:
    """A line for each tool and part of the work; the least of some runs, taken in turn."""
    texts = [entry.text for entry in documents]
    shingles = [shingles_of(text, 5) for text in texts]
    works: dict[str, Callable[[], object]] = {
        "here: text to signature": surveyed("near_duplicates", documents),
        "datasketch: text to signature": lambda: [_datasketch(_grams(text)) for text in texts],
        "here: hashes to signature": lambda: [signature(each, PERMUTATIONS) for each in shingles],
        "datasketch: hashes to signature": lambda: [_datasketch_of(each.tolist()) for each in shingles],
    }
    best = dict.fromkeys(works, float("inf"))
    both = ((signature(each, PERMUTATIONS), _datasketch_of(each.tolist())) for each in shingles)
    alike = sum(np.array_equal(mine, theirs) for mine, theirs in both)
    with tempfile.TemporaryDirectory(prefix="dedup-") as folder:
        datatrove = _Datatrove(peer, texts, Path(folder)) if peer else None
        for _ in range(runs):
            for name, work in works.items():
                best[name] = min(best[name], spent(work))
            if datatrove:
                for name, seconds in datatrove.run().items():
                    best[name] = min(best.get(name, float("inf")), seconds)
        if datatrove:
            datatrove.close()
    size = sum(len(text.encode()) for text in texts)
    for name, seconds in best.items():
        ours = best["here: hashes to signature" if "hashes to" in name else "here: text to signature"]
        told = f"{name:<36}" + _rate(len(texts), size, seconds)
        yield told + ("" if name.startswith("here") else f"   here x{seconds / ours:.1f}")
    yield f"equal to datasketch's in all {PERMUTATIONS} places, given the same hashes: {alike:,} of {len(texts):,} signatures"


def survey_lines(documents: list[Document], names: list[str], runs: int) -> Iterator[str]:
    """What the first look of each step costs."""
    size = sum(len(entry.text.encode()) for entry in documents)
    for name in names:
        work = surveyed(name, documents)
        seconds = min(spent(work) for _ in range(runs))
        yield f"{name + ', first look':<36}" + _rate(len(documents), size, seconds)


class _Datatrove:
    """The peer's process: it makes all signatures whenever it is told to."""

    def __init__(self, python: str, texts: list[str], folder: Path) -> None:
        given = folder / "texts.json"
        given.write_text(json.dumps({"texts": texts}))
        script = Path(__file__).with_name("peer.py")
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        command = [python, str(script), str(given)]
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nothing, text=True)
        self._python = python
        self._line()

    def run(self) -> dict[str, float]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        told = self._line()
        both = told["shingles_s"] + told["signatures_s"]
        return {"datatrove: text to signature": both, "datatrove: hashes to signature": told["signatures_s"]}

    def close(self) -> None:
        self._process.communicate()

    def _line(self) -> dict[str, float]:
        assert self._process.stdout is not None
        while not (line := self._process.stdout.readline()).startswith("{"):
            if not line:
                raise SystemExit(f"{self._python} cannot run datatrove: try `{self._python} -c 'import datatrove, spacy'`")
        found: dict[str, float] = json.loads(line)
        return found


def _rate(documents: int, size: int, seconds: float) -> str:
    return f"{documents / seconds:>10,.0f} docs/s {size / seconds / 1e6:>8.2f} MB/s"


def _grams(text: str) -> list[bytes]:
    """As its users write it: the same words, joined five at a time."""
    view = TextView(text)
    spans = words_of(view).spans
    small = text.lower()
    words = [small[start:end] for start, end in zip(spans.starts.tolist(), spans.ends.tolist(), strict=True)]
    return [" ".join(words[place : place + 5]).encode("utf-8", "replace") for place in range(len(words) - 4)]


def _datasketch(grams: list[bytes]) -> MinHash:
    found = MinHash(num_perm=PERMUTATIONS)
    found.update_batch(grams)
    return found


def _datasketch_of(hashes: list[int]) -> np.ndarray:
    found = MinHash(num_perm=PERMUTATIONS, hashfunc=int)
    found.update_batch(hashes)
    values: np.ndarray = found.hashvalues
    return values
