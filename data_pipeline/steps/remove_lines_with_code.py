"""Lines of program text and markup in crawled pages: those with `{`, `}`, `[if` or `<script`."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Outcome, Step


@STEPS.register
class RemoveLinesWithCode(Step):
    step: Literal["remove_lines_with_code"]
    signs: tuple[str, ...] = Field(default=("{", "}", "[if", "<script"), min_length=1, description="of code in a line")

    def apply(self, document: Document) -> Outcome:
        text = document.text
        if not any(sign in text for sign in self.signs):
            return text
        code = re.compile("|".join(map(re.escape, self.signs)))
        return "\n".join(line for line in text.split("\n") if not code.search(line))
