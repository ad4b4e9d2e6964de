"""py3langid's model, walked over all bytes of a text at once.

The package steps through its automaton byte by byte in Python, and reads its table of half precision for every text:
0.4 ms for a page, longer than all other checks together. The automaton never remembers more than the last few bytes (its
states are prefixes of byte n-grams), so the state at every place can be found from the bytes before it alone, with one
look-up in an array for each byte of the longest n-gram. Labels are those of the package, scores equal but for rounding.
"""

from __future__ import annotations

import unicodedata
from math import sqrt

import numpy as np

_NEVER = 0xFF  # a byte that UTF-8 does not use: no n-gram holds it


class Identifier:
    """`labels` [L] and, for a text, the probability of each."""

    def __init__(self) -> None:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        self.labels: list[str] = model.labels
        self._label_of = np.array([self.labels.index(name) for name in model.nb_classes])
        self._weights = model.nb_ptc.astype(np.float32)  # [features, classes]
        self._prior = model.nb_pc
        self._features = np.array(model.tk_output, np.int32)  # [states]: the n-gram that ends there, or less than 0
        self._rows = np.array(model.tk_row, np.int32) << 8  # [states]: where the moves of a state begin
        self._moves = np.array(model.tk_nextmove, np.int32)
        root = self._moves[self._rows[0] : self._rows[0] + 256]
        self._after_two = self._moves[(self._rows[root][:, None] + np.arange(256, dtype=np.int32)).ravel()]
        self._longest = _longest(self._moves, self._rows)

    def probabilities(self, text: str) -> np.ndarray:
        """float32 [L]; all alike where the text has no feature of any language."""
        data = unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")
        features, counts = self._found(data)
        if not features.size:
            scores = np.zeros(self._prior.size, np.float32)
        else:
            scores = np.log1p(counts.astype(np.float32)) @ self._weights.take(features, 0) + self._prior
        scores = scores * np.float32(1.0 / sqrt(len(data) or 1))
        scores = np.exp(scores - scores.max())
        return np.bincount(self._label_of, scores / scores.sum(), len(self.labels)).astype(np.float32)

    def _found(self, data: bytes) -> tuple[np.ndarray, np.ndarray]:
        """Which n-grams occur, ascending, and how often."""
        before = self._longest - 1
        codes = np.frombuffer(bytes([_NEVER]) * before + data, np.uint8).astype(np.int32)
        size = len(data)
        states = self._after_two[(codes[:size] << 8) | codes[1 : size + 1]]
        for place in range(2, self._longest):
            states = self._moves[self._rows[states] + codes[place : place + size]]
        found = self._features[states]
        found = np.sort(found[found >= 0])
        if not found.size:
            return found, found
        ends = np.append(np.flatnonzero(found[1:] != found[:-1]), found.size - 1)
        return found[ends], np.diff(ends, prepend=-1)


def _longest(moves: np.ndarray, rows: np.ndarray) -> int:
    """How many bytes the automaton remembers: the depth of its farthest state."""
    seen = np.zeros(rows.size, bool)
    frontier, depth = np.zeros(1, np.int64), 0
    seen[0] = True
    while True:
        places = rows[frontier][:, None] + np.arange(256, dtype=np.int32)
        reached = np.unique(moves[places])
        frontier = reached[~seen[reached]]
        if not frontier.size:
            return depth
        seen[frontier] = True
        depth += 1
