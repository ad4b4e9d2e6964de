"""How surprising a text is to a language model of n-grams, where the page names one.

Neither KenLM nor its models ship with a package that this project installs, so this is imported only when a
page asks. The measure is that of ROOTS: 10^(-sum of log10 p / sum of (pieces + 1)) over the lines of the
normalised text cut into SentencePiece pieces. In the published table of punctuation the full-width digit one became a
quotation mark; here it stays a digit.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_PUNCTUATION = str.maketrans(
    {
        "，": ",", "。": ".", "、": ",", "„": '"', "”": '"', "“": '"', "«": '"', "»": '"', "」": '"', "「": '"',
        "《": '"', "》": '"', "´": "'", "∶": ":", "：": ":", "？": "?", "！": "!", "（": "(", "）": ")", "；": ";",
        "–": "-", "—": " - ", "．": ". ", "～": "~", "’": "'", "…": "...", "━": "-", "〈": "<", "〉": ">",
        "【": "[", "】": "]", "％": "%", "►": "-",
    }
)  # fmt: skip
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")  # the published set held the line feed too, and so joined all lines
_DIGITS = re.compile(r"\d")


class Perplexity:
    """A KenLM model over the pieces of a SentencePiece model."""

    def __init__(self, kenlm: Path, sentencepiece: Path) -> None:
        import kenlm as kenlm_package
        import sentencepiece as sentencepiece_package

        self._pieces: Any = sentencepiece_package.SentencePieceProcessor()
        self._pieces.load(str(sentencepiece))
        self._model: Any = kenlm_package.Model(str(kenlm))

    def __call__(self, text: str) -> float:
        """The perplexity, at least 1."""
        score = length = 0.0
        for line in normalised(text).split("\n"):
            pieces = self._pieces.encode_as_pieces(line)
            score += self._model.score(" ".join(pieces))
            length += len(pieces) + 1
        return float(10.0 ** (-score / length))


def normalised(text: str) -> str:
    """No control characters, digits as 0, punctuation of ASCII."""
    return _DIGITS.sub("0", _CONTROL.sub("", text.strip())).translate(_PUNCTUATION)
