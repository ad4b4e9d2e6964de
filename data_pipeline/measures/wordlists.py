"""Lists of words as sorted arrays of hashes.

Stop words tell prose from tables and from other languages; flagged words tell pages that nobody wants to train
on. The stop words are those of the package `stopwordsiso` (MIT), 58 languages; for others there is no list. There is
no well-kept package of flagged words, so a file of one's own says them, one a line.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np

from data_pipeline.measures.characters import stripped_characters
from data_pipeline.measures.hashing import HashSet, hash_of

_NAMES = {"zhs": "zh", "zht": "zh", "nb": "no", "nn": "no"}


@cache
def stop_words(language: str) -> HashSet | None:
    """Hashes of the language's stop words, or None where the package has none."""
    import stopwordsiso

    code = _NAMES.get(language, language)
    return hashes_of(stopwordsiso.stopwords(code)) if stopwordsiso.has_lang(code) else None


def words_of_file(path: str) -> HashSet:
    """Hashes of the words of a text file, one a line; lines that begin with `#` are comments."""
    listed = Path(path).read_text("utf-8").splitlines()
    return hashes_of(word for word in listed if word.strip() and not word.startswith("#"))


def hashes_of(words: Iterable[str]) -> HashSet:
    """Small letters, without the special characters at the ends, as the words of a text are."""
    strip = "".join(sorted(stripped_characters()))
    named = {word.lower().strip(strip) for word in words} - {""}
    return HashSet(np.array([hash_of(list(map(ord, word))) for word in named], np.uint64))
