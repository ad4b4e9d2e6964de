"""The checks of ROOTS on one text: the cheap ones first, and no further than the first that fails.

The order changes which reason is told, never whether the document is kept. Asked for everything, `measure` computes
all values on the same words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from data_pipeline.measures.hashing import HashSet
from data_pipeline.measures.languages import confidence
from data_pipeline.measures.names import Measure
from data_pipeline.measures.repetition import character_repetition, word_repetition
from data_pipeline.measures.scripts import WITHOUT_SPACES
from data_pipeline.measures.shares import Pairs, listed_share, special_share
from data_pipeline.measures.thresholds import Thresholds
from data_pipeline.measures.view import TextView


@dataclass(frozen=True, slots=True)
class Check:
    """One measure and the values that are kept."""

    name: Measure
    value: Callable[[TextView], float]
    least: float = 0.0
    most: float = float("inf")

    def failure(self, view: TextView) -> str | None:
        """What is wrong with the value, or None."""
        value = self.value(view)
        if self.least <= value <= self.most:
            return None
        return f"{value:.4g}, {'at least' if value < self.least else 'at most'} {self.least if value < self.least else self.most:g}"


def checks(
    limits: Thresholds,
    *,
    language: str,
    stop_words: HashSet | None,
    flagged_words: HashSet | None,
    identified: bool,
    perplexity: Callable[[str], float] | None = None,
) -> tuple[Check, ...]:
    """In the order of their cost. Without a list, an identifier or a model its check is left out."""
    alone = language in WITHOUT_SPACES
    pairs = None if limits.pairs is None else Pairs(limits.pairs)
    share = partial(_share, alone=alone, pairs=pairs)
    made = [
        Check("words", lambda view: len(view.words(alone)), limits.min_words, limits.max_words),
        Check("special_characters", special_share, most=limits.special_characters),
    ]
    if stop_words is not None:
        made.append(Check("stop_words", partial(share, listed=stop_words), least=limits.stop_words))
    if flagged_words is not None:
        made.append(Check("flagged_words", partial(share, listed=flagged_words), most=limits.flagged_words))
    made.append(
        Check("word_repetition", lambda view: word_repetition(view.words(alone), limits.word_gram), most=limits.word_repetition)
    )
    if identified:
        made.append(Check("language", lambda view: confidence(view.text, language), least=limits.language_score))
    made.append(
        Check(
            "character_repetition",
            lambda view: character_repetition(view, limits.character_gram),
            most=limits.character_repetition,
        )
    )
    if perplexity is not None:
        made.append(Check("perplexity", lambda view: perplexity(view.text), most=limits.perplexity))
    return tuple(made)


def _share(view: TextView, *, listed: HashSet, alone: bool, pairs: Pairs | None) -> float:
    return listed_share(view.words(alone), listed, pairs)
