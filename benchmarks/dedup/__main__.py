"""Prints what signatures cost here and elsewhere, and which planted copies are found."""

from __future__ import annotations

import argparse
import random
from itertools import chain
from pathlib import Path

from benchmarks.dedup import planted, speed
from benchmarks.filters.documents import read

FIRST_LOOKS = [
    "dedup_document", "dedup_template_soft", "exact_copies", "near_duplicates", "simhash_duplicates", "repeated_substrings",
]  # fmt: skip
WORD_BANDS = [(0.97, 0.995), (0.9, 0.97), (0.8, 0.9), (0.7, 0.8), (0.5, 0.7), (0.1, 0.5)]
CHARACTER_BANDS = [(0.995, 1.0), (0.99, 0.995), (0.97, 0.99), (0.9, 0.97), (0.5, 0.9), (0.1, 0.5)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of .jsonl or .jsonl.zst files")
    parser.add_argument("--peer", help="a Python that has datatrove and spaCy")
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--planted", type=int, default=200)
    parser.add_argument("--longest", type=int, default=8000, help="characters of a document")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    documents = read(options.corpus, options.documents, options.longest)
    size = sum(len(entry.text.encode()) for entry in documents) / len(documents)
    print(f"{len(documents):,} documents of {size:,.0f} bytes; processor time, the least of {options.runs} runs in turn")
    for line in speed.minhash_lines(documents, options.peer, options.runs):
        print(line)
    for line in speed.survey_lines(documents, FIRST_LOOKS, options.runs):
        print(line)
    print("\nplanted copies of real documents of 150 words and more")
    chance = random.Random(0)
    drawn = read(options.corpus, 4 * options.planted, options.longest)
    texts = planted.without_copies([entry.text for entry in drawn if len(entry.text.split(" ")) >= 150])[: options.planted]
    words = planted.near("near_duplicates", texts, planted.words_in_common, WORD_BANDS, 0.9, chance)
    characters = planted.near("simhash_duplicates", texts, planted.characters_in_common, CHARACTER_BANDS, 0.99, chance)
    for line in chain(words, characters):
        print(line)
    for line in planted.substrings(texts, chance):
        print(line)


if __name__ == "__main__":
    main()
