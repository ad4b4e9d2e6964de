"""Every measure of the filters beside a plain re-computation from its published definition, on real documents.

`python -m benchmarks.filters.recompute --corpus CORPUS` takes 1,200 documents of natural languages and 200 files of code, computes each
measure in the fused pass, which shares words and hashes, and once more word by word with lists and dictionaries
(`tests/data_pipeline/measures/naive.py`), and prints for each language the number of documents and of differences. With `--roots
FOLDER`, the folder `01b_oscar_cleaning_and_filtering` of bigscience-workshop/data-preparation, ROOTS' own code computes its
measures as well, with the one set of characters that differs here handed to it: what is stripped from the ends of words.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.filters.documents import read
from data_pipeline.documents import Document
from data_pipeline.measures import files, repetition, shares
from data_pipeline.measures.hashing import hash_of
from data_pipeline.measures.identifier import Identifier
from data_pipeline.measures.languages import windows
from data_pipeline.measures.roots import checks
from data_pipeline.measures.scripts import WITHOUT_SPACES
from data_pipeline.measures.structure import Structure
from data_pipeline.measures.thresholds import Thresholds, thresholds_of
from data_pipeline.measures.view import TextView
from data_pipeline.measures.wordlists import hashes_of
from data_pipeline.privacy.detector import is_natural
from tests.data_pipeline.measures import naive

Row = tuple[str, float, float]  # measure, here, plainly
_TOLERANCE = 1e-9
_SCORES = 1e-4  # of a language; sums of single precision in another order


@cache
def word_list(language: str) -> frozenset[str]:
    import stopwordsiso

    return frozenset(word.lower() for word in stopwordsiso.stopwords(language if stopwordsiso.has_lang(language) else "en"))


@cache
def identifiers() -> tuple[Identifier, Any]:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return Identifier(), LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def of_roots(text: str, language: str) -> Iterator[Row]:
    """ROOTS' measures as the `quality` step asks for them, with its limits and lists."""
    limits, listed = thresholds_of(language), word_list(language)
    alone = language in WITHOUT_SPACES
    made = checks(limits, language=language, stop_words=hashes_of(listed), flagged_words=hashes_of(sorted(listed)[::7]), identified=False)
    words = naive.character_words(text) if alone else naive.words(text)
    stripped = {naive.strip(word) for word in listed} - {""}
    flagged = {naive.strip(word) for word in sorted(listed)[::7]} - {""}
    plain: dict[str, Callable[[], float]] = {
        "words": lambda: len(words),
        "special_characters": lambda: naive.special_share(text),
        "stop_words": lambda: naive.listed_share(words, stripped, limits.pairs),
        "flagged_words": lambda: naive.listed_share(words, flagged, limits.pairs),
        "word_repetition": lambda: naive.word_repetition(words, limits.word_gram),
        "character_repetition": lambda: naive.character_repetition(text, limits.character_gram),
    }
    view = TextView(text)
    yield from ((check.name, check.value(view), plain[check.name]()) for check in made)


def of_gopher(text: str) -> Iterator[Row]:
    """Gopher's n-grams; its lines, C4 and FineWeb are decisions on strings, tested against datatrove's rules."""
    view, tokens = TextView(text), naive.tokens(text)
    yield "tokens", len(view.tokens), len(tokens)
    for n in (2, 3, 4):
        yield f"top {n}-gram", repetition.top_gram_characters(view.tokens, n), naive.top_gram_characters(tokens, n)
    for n in range(5, 11):
        yield f"repeated {n}-grams", repetition.repeated_gram_characters(view.tokens, n), naive.repeated_gram_characters(tokens, n)
    listed = {"the", "of", "de", "的"}
    share = shares.listed_share(view.tokens, hashes_of(listed))
    yield "listed tokens", share, naive.listed_share(tokens, listed)


def of_structure(text: str) -> Iterator[Row]:
    found = Structure(TextView(text))
    yield "code", found.code, naive.code_share(text)
    yield "running", found.running, naive.running_share(text)
    yield "sentence", found.sentence, naive.words_a_sentence(text)
    yield "advertising", found.advertising, naive.advertising(text)


def of_files(text: str) -> Iterator[Row]:
    """ROOTS' rules for code, as its script has them."""
    import re

    import numpy as np

    yield "longest line", files.longest_line(text), max(len(line) for line in text.split("\n"))
    yield "signs", files.signs(text), 1 - len(re.findall(r"[\w]", text)) / len(text)
    yield "deviation", files.deviation(text), float(np.std([len(token) for token in text.split()]))


def of_language(text: str) -> Iterator[Row]:
    """py3langid's own scores of the same windows."""
    ours, peer = identifiers()
    small = windows(text).lower()
    scores = ours.probabilities(small)
    ranked = peer.rank(small)
    yield "language", float(ours.labels[int(scores.argmax())] == ranked[0][0]), 1.0
    plain = dict(ranked)
    far = max(abs(float(score) - plain[label]) for label, score in zip(ours.labels, scores, strict=True))
    yield "language scores", float(far > _SCORES), 0.0


def published(folder: Path) -> Callable[[str, Thresholds, frozenset[str]], Iterator[Row]]:
    """ROOTS' `filtering.py` itself, without the models that it imports."""
    for name in ("fasttext", "sentencepiece", "kenlm", "languages_id", "parameters_filtering"):
        empty: Any = ModuleType(name)
        empty.langs_id = empty.parameters_filtering = None
        sys.modules[name] = empty
    sys.path.insert(0, str(folder))
    from filtering import Filtering, ModifyingDocuments  # type: ignore[import-not-found]

    def measured(text: str, limits: Thresholds, listed: frozenset[str]) -> Iterator[Row]:
        ends = naive.STRIPPED
        view = TextView(text)
        words = view.words(False)
        stripped = {naive.strip(word) for word in listed} - {""}
        yield "words*", len(words), len(ModifyingDocuments.get_words_from_document(text, None, True, ends))
        yield "special_characters*", shares.special_share(view), Filtering.compute_special_characters_ratio(text, naive.SPECIAL)
        yield "word_repetition*", repetition.word_repetition(words, limits.word_gram), Filtering.compute_word_repetition_ratio(text, None, ends, limits.word_gram)
        yield "character_repetition*", repetition.character_repetition(view, limits.character_gram), Filtering.compute_character_repetition_ratio(text, limits.character_gram)
        pairs = None if limits.pairs is None else shares.Pairs(limits.pairs)
        share = Filtering.compute_stopwords_ratio(text, None, ends, pairs is not None, [2], limits.pairs, stripped)
        yield "stop_words*", shares.listed_share(words, hashes_of(listed), pairs), min(1.0, share)

    return measured


def differences(documents: list[Document], roots: Path | None = None) -> tuple[Counter[str], dict[str, Counter[str]], list[str]]:
    """Documents of each language; differences of each measure by language, also where there are none; the first few, told."""
    peer = published(roots) if roots else None
    number, found, told = Counter[str](), defaultdict[str, Counter[str]](Counter), list[str]()
    for entry in documents:
        language = str(entry.meta["language"])
        number[language] += 1
        if is_natural(language):
            rows = [*of_roots(entry.text, language), *of_gopher(entry.text), *of_structure(entry.text), *of_language(entry.text)]
            if peer and language not in WITHOUT_SPACES:
                rows += peer(entry.text, thresholds_of(language), word_list(language))
        else:
            rows = [*of_files(entry.text), *of_structure(entry.text)]
        for name, here, plainly in rows:
            differs = abs(here - plainly) > _TOLERANCE * max(1.0, abs(plainly))
            found[name][language] += differs
            if differs and len(told) < 10:
                told.append(f"{name} of {entry.id}: {here!r} here, {plainly!r} plainly")
    return number, found, told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of .jsonl or .jsonl.zst files")
    parser.add_argument("--documents", type=int, default=1200)
    parser.add_argument("--longest", type=int, default=6000, help="characters of a document")
    parser.add_argument("--roots", type=Path, help="01b_oscar_cleaning_and_filtering of bigscience-workshop/data-preparation")
    options = parser.parse_args()
    hash_of([1])
    every = [entry for entry in read(options.corpus, sys.maxsize, options.longest) if entry.text.split()]
    natural = [entry for entry in every if is_natural(str(entry.meta["language"]))][: options.documents]
    code = [entry for entry in every if not is_natural(str(entry.meta["language"]))][: options.documents // 6]
    number, found, told = differences([*natural, *code], options.roots)
    languages = sorted(number)
    print(f"{sum(number.values()):,} documents; of each language:", ", ".join(f"{name} {number[name]}" for name in languages))
    for name, counts in found.items():
        compared = sum(number[language] for language in counts)
        where = ", ".join(f"{count} {language}" for language, count in counts.items() if count)
        print(f"{name:<24}{len(counts):>4} languages {compared:>6,} documents {counts.total():>5} differences   {where}")
    print("\n".join(told))
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
