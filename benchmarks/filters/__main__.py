"""Prints documents per core-second of each filter and its peer, whether they decide alike, and what they catch of planted dirt."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.filters import planted, roots_reference
from benchmarks.filters.documents import read
from data_pipeline.documents import Document
from data_pipeline.measures.hashing import hash_of
from data_pipeline.measures.roots import checks
from data_pipeline.measures.scripts import WITHOUT_SPACES
from data_pipeline.measures.thresholds import thresholds_of
from data_pipeline.measures.view import TextView
from data_pipeline.measures.wordlists import hashes_of
from data_pipeline.steps import Apply, Drop
from data_pipeline.steps.c4 import C4
from data_pipeline.steps.gopher_quality import GopherQuality
from data_pipeline.steps.gopher_repetition import GopherRepetition

ROOTS_TARGET, GOPHER_TARGET = 5.0, 10.0


def seconds(work: Callable[[], object], peer: Callable[[], object], runs: int) -> tuple[float, float]:
    """Processor time of both, in turn, the least of some runs of each."""
    best = [float("inf"), float("inf")]
    for _ in range(runs):
        for number, one in enumerate((work, peer)):
            began = time.process_time()
            one()
            best[number] = min(best[number], time.process_time() - began)
    return best[0], best[1]


def line(name: str, documents: list[Document], ours: float, theirs: float, target: float = 0) -> bool:
    size = sum(len(entry.text.encode()) for entry in documents)
    told = f"{name:<44}{len(documents) / ours:>9,.0f} docs/s {size / ours / 1e6:>7.2f} MB/s"
    told += f"   peer {len(documents) / theirs:>8,.0f} docs/s {size / theirs / 1e6:>6.2f} MB/s   x{theirs / ours:.1f}"
    print(told + (f"   wanted x{target:g}" if target else ""))
    return theirs / ours >= target


def roots(documents: list[Document], runs: int) -> bool:
    """Six checks on documents of languages with spaces, the same word lists on both sides."""
    import stopwordsiso

    documents = [entry for entry in documents if entry.meta["language"] not in WITHOUT_SPACES]
    flagged = {f"{word}x" for word in stopwordsiso.stopwords("en") if word.isalpha()} | {"obscenity"}
    both = {}
    for language in {str(entry.meta["language"]) for entry in documents}:
        limits = thresholds_of(language)
        stop = {word.lower() for word in stopwordsiso.stopwords(language if stopwordsiso.has_lang(language) else "en")}
        mine = checks(limits, language=language, stop_words=hashes_of(stop), flagged_words=hashes_of(flagged), identified=False)
        both[language] = (mine, limits, roots_reference.measures(limits, stop, flagged))
    rows = [(entry.text, *both[str(entry.meta["language"])]) for entry in documents]

    def mine_all() -> list[list[float]]:
        return [[check.value(view) for check in mine] for text, mine, _, _ in rows if (view := TextView(text))]

    def mine_decided() -> list[bool]:
        return [all(check.failure(view) is None for check in mine) for text, mine, _, _ in rows if (view := TextView(text))]

    def theirs_all() -> list[list[float]]:
        return [[value(text) for value in values] for text, _, _, values in rows]

    def theirs_decided() -> list[bool]:
        return [roots_reference.keeps(text, limits, values) for text, _, limits, values in rows]

    mine_all()
    met = line("ROOTS, all six measures", documents, *seconds(mine_all, theirs_all, runs), ROOTS_TARGET)
    line("ROOTS, decision only", documents, *seconds(mine_decided, theirs_decided, runs))
    alike = sum(a == b for a, b in zip(mine_decided(), theirs_decided(), strict=True))
    print(f"  same decision on {alike:,} of {len(rows):,} documents (letters are not stripped from words here)")
    return met


def gopher(documents: list[Document], peer: str, runs: int) -> bool:
    """Gopher's repetition and quality rules and C4, one after the other."""
    steps: list[Apply] = [
        GopherRepetition(step="gopher_repetition").begin("en"), GopherQuality(step="gopher_quality").begin("en"), C4(step="c4").begin("en"),
    ]  # fmt: skip

    def decided(entry: Document) -> int | None:
        return next((number for number, step in enumerate(steps) if isinstance(step(entry), Drop)), None)

    def chain() -> list[int | None]:
        return [decided(entry) for entry in documents]

    def everything() -> None:
        for entry in documents:
            for step in steps:
                step(entry)

    with tempfile.TemporaryDirectory(prefix="filters-") as folder:
        words = [_tokens(entry.text) for entry in documents]
        given = Path(folder) / "documents.json"
        rows = [{"text": entry.text, "words": found} for entry, found in zip(documents, words, strict=True)]
        given.write_text(json.dumps({"documents": rows}))
        script = Path(__file__).with_name("peer.py")
        ran = subprocess.run([peer, str(script), str(given), str(runs)], capture_output=True, text=True)
    if ran.returncode:
        print(f"datatrove: skipped, {peer} cannot run it: {ran.stderr.strip().splitlines()[-1]}")
        return True
    told = json.loads(ran.stdout.splitlines()[-1])
    chain()
    met = line("Gopher + C4, chain", documents, seconds(chain, str, runs)[0], told["chain_s"], GOPHER_TARGET)
    line("Gopher + C4, every filter on every document", documents, seconds(everything, str, runs)[0], told["all_s"])
    mine = [[not isinstance(step(entry), Drop) for step in steps[:2]] for entry in documents]
    alike = sum(a == b for a, b in zip(mine, told["same_words"], strict=True))
    print(f"  Gopher: same decisions as datatrove given the same words on {alike:,} of {len(documents):,} documents")
    alike = sum((a is None) == (b is None) for a, b in zip(chain(), told["decisions"], strict=True))
    print(f"  chain: kept or dropped alike, each with its own words and sentences, on {alike:,} of {len(documents):,} documents")
    return met


def _tokens(text: str) -> list[str]:
    spans = TextView(text).tokens.spans
    return [text[start:end] for start, end in zip(spans.starts.tolist(), spans.ends.tolist(), strict=True)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, help="folder of .jsonl or .jsonl.zst files")
    parser.add_argument("--peer", help="a Python that has datatrove and spaCy")
    parser.add_argument("--documents", type=int, default=1500)
    parser.add_argument("--peer-documents", type=int, default=300)
    parser.add_argument("--longest", type=int, default=8000, help="characters of a document")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    if options.corpus is None or not options.corpus.is_dir():
        print("say CORPUS=folder, one of .jsonl or .jsonl.zst files with `text`", file=sys.stderr)
        return 2
    TextView("a").classes, hash_of([1])
    documents = read(options.corpus, options.documents, options.longest)
    size = sum(len(entry.text.encode()) for entry in documents) / len(documents)
    print(f"{len(documents):,} documents, {size:,.0f} bytes on average; processor time of one process, the least of {options.runs} runs")
    met = roots(documents, options.runs)
    if options.peer:
        met &= gopher(documents[: options.peer_documents], options.peer, options.runs)
    else:
        print("datatrove: skipped, no PEER is named")
    print("\nplanted dirt and personal data")
    met &= planted.report(read(options.corpus, sys.maxsize, 20_000), most=25)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
