"""Gopher's two sets of rules, on the shared view of a text; the order of the rules is datatrove's, so reasons agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_pipeline.documents import Document
from data_pipeline.measures import lines as of
from data_pipeline.measures.characters import ALPHABETIC, PUNCTUAL
from data_pipeline.measures.hashing import hash_of
from data_pipeline.measures.repetition import repeated_gram_characters, top_gram_characters
from data_pipeline.measures.view import TextView, view_of
from data_pipeline.steps import Drop, Outcome

if TYPE_CHECKING:
    from data_pipeline.steps.gopher_quality import GopherQuality

Grams = tuple[tuple[int, float], ...]


@dataclass(frozen=True, kw_only=True)
class RepetitionRules:
    lines: float
    paragraphs: float
    line_characters: float
    paragraph_characters: float
    top_grams: Grams
    repeated_grams: Grams

    def __call__(self, document: Document) -> Outcome:
        view = view_of(document.text)
        for reason, value, limit in self.measures(view):
            if value > limit:
                return Drop(reason, f"{value:.4g}, at most {limit:g}")
        return document.text

    def measures(self, view: TextView) -> Iterator[tuple[str, float, float]]:
        """(reason, value, limit) of each rule, computed as it is asked for."""
        text, size = view.text, max(1, len(view.text))
        for name, parts, most, most_characters in (
            ("paragraph", of.paragraphs(text), self.paragraphs, self.paragraph_characters),
            ("line", of.lines(text), self.lines, self.line_characters),
        ):
            number, characters = of.copies(parts)
            yield f"repeated {name}s", number / len(parts), most
            yield f"repeated {name} characters", characters / size, most_characters
        for n, limit in self.top_grams:
            yield f"top {n}-gram", top_gram_characters(view.tokens, n) / size, limit
        again = 1
        for n, limit in self.repeated_grams:
            if again:  # without a repeated n-gram there is no longer one
                again = repeated_gram_characters(view.tokens, n)
            yield f"repeated {n}-grams", again / size, limit


class QualityRules:
    def __init__(self, asked: GopherQuality) -> None:
        self._asked = asked
        self._stop_words = np.array([hash_of(list(map(ord, word))) for word in asked.stop_words], np.uint64)

    def __call__(self, document: Document) -> Outcome:
        asked, text, view = self._asked, document.text, view_of(document.text)
        tokens = view.tokens
        if not len(tokens):
            return Drop("short document", "0 words")
        symbols = _counts(view, PUNCTUAL) == tokens.lengths
        lengths = tokens.lengths[~symbols]
        if lengths.size < asked.min_words:
            return Drop("short document", f"{lengths.size} words")
        if lengths.size > asked.max_words:
            return Drop("long document", f"{lengths.size} words")
        mean = float(lengths.mean())
        if mean < asked.min_mean_length or mean > asked.max_mean_length:
            return Drop("short words" if mean < asked.min_mean_length else "long words", f"{mean:.4g} characters")
        if text.count("#") / len(tokens) > asked.symbols:
            return Drop("too many hashes")
        if (text.count("...") + text.count("…")) / len(tokens) > asked.symbols:
            return Drop("too many ellipses")
        lines = text.splitlines()
        if of.bullets(lines) / len(lines) > asked.bullet_lines:
            return Drop("too many bullets")
        if of.ellipses(lines) / len(lines) > asked.ellipsis_lines:
            return Drop("too many lines end with an ellipsis")
        alphabetic = int(np.count_nonzero(_counts(view, ALPHABETIC))) / len(tokens)
        if alphabetic < asked.alphabetic_words:
            return Drop("too few words with letters", f"{alphabetic:.4g}")
        if asked.min_stop_words and np.count_nonzero(np.isin(self._stop_words, tokens.hashes)) < asked.min_stop_words:
            return Drop("too few stop words")
        return text


def _counts(view: TextView, bit: np.uint16) -> np.ndarray:
    """For each token, how many of its characters are of the class."""
    sums = np.zeros(view.codes.size + 1, np.int32)
    np.cumsum((view.classes & bit) != 0, out=sums[1:])
    spans = view.tokens.spans
    return sums[spans.ends] - sums[spans.starts]
