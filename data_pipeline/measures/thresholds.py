"""The limits that ROOTS put on OSCAR's documents, for each of its languages.

Source: bigscience-workshop/data-preparation, 01b_oscar_cleaning_and_filtering/parameters_filtering.py
(arXiv:2303.03915, appendix). They were chosen by native speakers, with ROOTS' own word lists and fastText's
scores; other lists and another identifier move the shares, so look at the report before trusting a limit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from data_pipeline.measures.scripts import WITHOUT_SPACES


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """A document is kept when all hold; shares are between 0 and 1. None: not checked."""

    min_words: int = 10
    max_words: int = 100_000
    longest_word: int | None = None  # longer words are taken out before (step remove_long_words)
    character_gram: int = 10
    character_repetition: float = 0.2
    word_gram: int = 5
    word_repetition: float = 0.3
    special_characters: float = 0.4
    stop_words: float = 0.1
    flagged_words: float = 0.1
    language_score: float = 0.7
    perplexity: float = 10_000.0
    pairs: str | None = None  # what joins two neighbours that word lists hold as one


def _row(
    words: int, longest: int | None, char: tuple[int, float], word: tuple[int, float], special: float, stop: float,
    flagged: float, score: float, perplexity: float, *, most: int = 100_000, pairs: str | None = None,
) -> Thresholds:  # fmt: skip
    return Thresholds(
        min_words=words, max_words=most, longest_word=longest, character_gram=char[0], character_repetition=char[1],
        word_gram=word[0], word_repetition=word[1], special_characters=special, stop_words=stop, flagged_words=flagged,
        language_score=score, perplexity=perplexity, pairs=pairs,
    )  # fmt: skip


DEFAULT = Thresholds()
PUBLISHED = {
    #          words  longest  char-rep     word-rep   special  stop   flagged score perplexity
    "ar": _row(20, 25, (10, 0.2), (5, 0.34), 0.3, 0.07, 0.03, 0.81, 2300),
    "bn": _row(33, 20, (10, 0.13), (5, 0.21), 0.45, 0.002, 0.001, 0.95, 2000),
    "ca": _row(15, 20, (10, 0.2), (5, 0.4), 0.25, 0.25, 0.1, 0.8, 2500),
    "en": _row(20, 25, (10, 0.106), (5, 0.19), 0.4, 0.3, 0.01, 0.8, 1500),
    "es": _row(16, 25, (10, 0.14), (5, 0.25), 0.34, 0.4, 0.01, 0.8, 1300),
    "eu": _row(8, 28, (10, 0.2), (5, 0.4), 0.31, 0.05, 0.1, 0.7, 3000),
    "fr": _row(13, 45, (10, 0.14), (5, 0.13), 0.34, 0.27, 0.008, 0.8, 1770),
    "hi": _row(38, 25, (10, 0.18), (5, 0.47), 0.45, 0.01, 0.005, 0.9, 1517),
    "id": _row(15, 30, (10, 0.15), (5, 0.2), 0.34, 0.15, 0.01, 0.7, 5000),
    "pt": _row(19, 19, (10, 0.25), (5, 0.98), 0.35, 0.2, 0.007, 0.6, 3038),
    "ur": _row(25, 20, (10, 0.19), (7, 0.5), 0.25, 0.01, 0.025, 0.9, 1495),
    "vi": _row(30, 25, (10, 0.15), (5, 0.2), 0.34, 0.08, 0.005, 0.9, 1600, pairs=" "),
    "zh": _row(1, None, (3, 0.2), (5, 0.96), 0.3, 0.1691, 0.001, 0.85, 2095, most=1_000_000, pairs=""),
}  # fmt: skip


STOP_WORDS_MEASURED = {
    "el": 0.06, "et": 0.009, "fi": 0.03, "gu": 0.025, "hu": 0.05, "ko": 0.006, "lt": 0.01, "lv": 0.04, "mr": 0.03, "sk": 0.05,
    "tr": 0.025, "uk": 0.03,
}  # fmt: skip
"""Where the default of 0.1 drops good pages, because words carry endings or the list is short (35 words of Estonian): half of
the share that 95 % of the pages in that language have, measured with `stopwordsiso` 0.7.1 on translated documentation of
Debian 12 packages (manual pages, LibreOffice and GNOME help)."""

WITHOUT_SPACES_GRAM = 10
"""Of characters, where one stands for a word: five are about two words, and half of a Dzongkha page repeats so few."""


def thresholds_of(language: str) -> Thresholds:
    """The published row of the language, `zhs` and `zht` as `zh`; the default row, fitted to the language, where there is none."""
    language = "zh" if language in ("zhs", "zht") else language
    if language in PUBLISHED:
        return PUBLISHED[language]
    gram = WITHOUT_SPACES_GRAM if language in WITHOUT_SPACES else DEFAULT.word_gram
    return replace(DEFAULT, stop_words=STOP_WORDS_MEASURED.get(language, DEFAULT.stop_words), word_gram=gram)
