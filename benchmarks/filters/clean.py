"""Which documents of a corpus are prose in the language that they are said to be, by a rule that knows nothing of the filters.

A real corpus has dirt of its own: untranslated pages under another label, listings, tables, markup. A filter that drops
those is right, so they must not count against it. The rule, in words:

    1,000 to 8,000 characters of a natural language, without `</` or `{`
    three fifths of the characters stand in lines of 80 characters and more (40 in zh, ja, ko, th, km ...) that end a sentence
    no line of 20 characters and more occurs twice
    unless it is said to be English, at most 6 % of its words are among the 15 commonest of English
"""

from __future__ import annotations

import random
from collections import defaultdict

from data_pipeline.documents import Document
from data_pipeline.measures.characters import terminal_punctuation
from data_pipeline.measures.scripts import WITHOUT_SPACES
from data_pipeline.privacy.detector import is_natural

_ENGLISH = frozenset(["the", "of", "and", "to", "in", "is", "for", "that", "with", "you", "this", "are", "be", "on", "as"])
_ENDS = terminal_punctuation()


def language_of(document: Document) -> str:
    return str(document.meta["language"])


def is_clean(document: Document) -> bool:
    text, language = document.text, language_of(document)
    if not is_natural(language) or not 1000 <= len(text) <= 8000 or "</" in text or "{" in text:
        return False
    words = text.lower().split()
    if language != "en" and sum(word in _ENGLISH for word in words) > 0.06 * len(words):
        return False
    lines = [line.strip() for line in text.split("\n")]
    long_ones = [line for line in lines if len(line) >= 20]
    if len(set(long_ones)) < len(long_ones):
        return False
    least = 40 if language in WITHOUT_SPACES or language == "ko" else 80
    prose = sum(len(line) for line in lines if len(line) >= least and line.rstrip("\"'”’»)").endswith(_ENDS))
    return prose >= 0.6 * len(text)


def clean(documents: list[Document], most: int, chance: random.Random) -> list[Document]:
    """The clean ones, at most `most` of a language, in the order of the documents."""
    by_language: defaultdict[str, list[Document]] = defaultdict(list)
    for entry in documents:
        if is_clean(entry):
            by_language[language_of(entry)].append(entry)
    chosen = {entry.id for group in by_language.values() for entry in chance.sample(group, min(most, len(group)))}
    return [entry for entry in documents if entry.id in chosen]
