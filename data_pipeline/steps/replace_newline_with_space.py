"""Texts whose lines are broken by layout, not by sense: every line feed becomes a blank."""

from __future__ import annotations

from typing import Literal

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Outcome, Step


@STEPS.register
class ReplaceNewlineWithSpace(Step):
    step: Literal["replace_newline_with_space"]

    def apply(self, document: Document) -> Outcome:
        return document.text.replace("\n", " ")
