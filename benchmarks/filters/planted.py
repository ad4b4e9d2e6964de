"""What the filters catch of planted dirt, and what they take with it: recall and precision of each class.

`python -m benchmarks.filters.planted --corpus CORPUS` chooses clean documents (`clean.py`), plants dirt of six classes into copies of
them (`dirt.py`) and personal data of five kinds into others (`personal.py`), and runs the steps over all of it together. A class
is caught when a document of it is dropped for a reason that means this class:

    recall     of the documents of the class, those dropped for such a reason
    precision  of all documents dropped for such a reason, clean or of any class, those of the class
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter, defaultdict
from pathlib import Path

from benchmarks.filters import personal
from benchmarks.filters.clean import clean, language_of
from benchmarks.filters.dirt import CLASSES, Soil
from benchmarks.filters.documents import read
from data_pipeline.documents import Document
from data_pipeline.privacy.detector import is_natural
from data_pipeline.steps import Apply, Drop
from data_pipeline.steps.quality import Quality
from data_pipeline.steps.running_text import RunningText

MEANS = {
    "advertising": "spam", "keywords": "spam", "stop_words": "spam", "language": "wrong language", "boilerplate": "boilerplate", "code": "code in text",
    "repeated phrases": "repeated n-grams", "word_repetition": "repeated n-grams", "character_repetition": "repeated n-grams", "special_characters": "symbols",
}  # fmt: skip
TARGET = 0.95


def steps() -> list[Apply]:
    return [RunningText(step="running_text").begin(None), Quality(step="quality", language_field="language").begin(None)]


def reason(applied: list[Apply], document: Document) -> str:
    """Why the first step that drops it does; empty for a document that is kept."""
    for apply in applied:
        outcome = apply(document)
        if isinstance(outcome, Drop):
            return outcome.reason
    return ""


def judged(documents: list[Document], most: int) -> tuple[list[Document], dict[str, Counter[str]]]:
    """The clean documents, and for each class, and for `clean`, the reasons told."""
    good = clean(documents, most, random.Random(0))
    code = [entry for entry in documents if not is_natural(language_of(entry)) and 600 <= len(entry.text) <= 8000]
    soil, applied = Soil(good, code, random.Random(1)), steps()
    told: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for number, entry in enumerate(good):
        told["clean"][reason(applied, entry)] += 1
        for name, planted in soil.planted(number, entry):
            told[name][reason(applied, planted)] += 1
    return good, told


def scores(told: dict[str, Counter[str]]) -> dict[str, tuple[int, float, float]]:
    """Of each class: how many were planted, recall, precision."""
    found = {}
    for name in CLASSES:
        group = told.get(name, Counter())
        means = [why for why, meant in MEANS.items() if meant == name]
        right = sum(group[why] for why in means)
        dropped = sum(counts[why] for counts in told.values() for why in means)
        found[name] = (group.total(), right / max(1, group.total()), right / max(1, dropped))
    return found


def report(documents: list[Document], most: int) -> bool:
    """Prints both tables; whether every class reaches the target."""
    good, told = judged(documents, most)
    languages = {language_of(entry) for entry in good}
    print(f"{len(good):,} clean documents in {len(languages)} languages, at most {most} each; of them dropped, by reason:")
    print("   " + (", ".join(f"{number} {why}" for why, number in told["clean"].most_common() if why) or "none"))
    print(f"\n{'class':<20}{'planted':>9}{'recall':>9}{'precision':>11}   what else they were taken for")
    met = True
    for name, (number, recall, precision) in scores(told).items():
        other = [f"{count} {why or 'kept'}" for why, count in told[name].most_common() if MEANS.get(why) != name]
        print(f"{name:<20}{number:>9,}{recall:>9.3f}{precision:>11.3f}   {', '.join(other)}")
        met &= min(recall, precision) >= TARGET
    print(f"\n{'personal data':<20}{'planted':>9}{'recall':>9}{'precision':>11}   decoys taken for it")
    for kind, (number, recall, precision, decoys) in personal.scores(good, random.Random(2)).items():
        print(f"{kind:<20}{number:>9,}{recall:>9.3f}{precision:>11.3f}   {decoys}")
        met &= min(recall, precision) >= TARGET
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of .jsonl or .jsonl.zst files")
    parser.add_argument("--most", type=int, default=25, help="clean documents of a language")
    options = parser.parse_args()
    return 0 if report(read(options.corpus, sys.maxsize, 20_000), options.most) else 1


if __name__ == "__main__":
    sys.exit(main())
