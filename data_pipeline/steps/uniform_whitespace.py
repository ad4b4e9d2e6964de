"""Twenty kinds of blank that look alike: each becomes the plain one, and the text's ends are cut clean.

The published list holds the object replacement character and one control character beside the Unicode spaces; they
stand where an image or a broken encoding was, and are replaced as well.
"""

from __future__ import annotations

from typing import Literal

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Outcome, Step

_BLANKS = "\u00a0\u2002\u2003\u2005\u2008\u2009\u200a\u202f\u3000\ufffc\u0084"


@STEPS.register
class UniformWhitespace(Step):
    step: Literal["uniform_whitespace"]

    def apply(self, document: Document) -> Outcome:
        text = document.text.strip()
        if not text.isascii():
            for blank in _BLANKS:
                text = text.replace(blank, " ")
        return text
