"""Pages that are no running text: program text, menus and lists of links, advertisements, lists of keywords.

Limits on special characters and stop words catch such pages by the way, and tables, formulas and good pages with them. Here
each kind has its own measure, its own limit and its own reason. The limits stand where 99 % of some 2,500 translated pages
of documentation in 46 languages are kept; `docs/filters.md` has the figures.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from data_pipeline.steps import STEPS, Apply, Content, Drop, Outcome, Step


@STEPS.register
class RunningText(Step):
    step: Literal["running_text"]
    content: ClassVar[frozenset[Content]] = frozenset({"text"})
    code: float = Field(default=0.25, ge=0, le=1, description="share of characters in lines of program text, at most")
    running: float = Field(default=0.45, ge=0, le=1, description="share of characters in lines of running text, at least")
    sentence: float = Field(default=60, gt=0, description="words for each end of a sentence, at most")
    advertising: float = Field(default=0.08, ge=0, description="signs of advertising for each word, at most")

    def begin(self, language: str | None) -> Apply:
        from data_pipeline.documents import Document
        from data_pipeline.measures.structure import Structure
        from data_pipeline.measures.view import view_of

        def apply(document: Document) -> Outcome:
            found = Structure(view_of(document.text))
            if (value := found.code) > self.code:
                return Drop("code", f"{value:.4g}, at most {self.code:g}")
            if (value := found.advertising) > self.advertising:
                return Drop("advertising", f"{value:.4g}, at most {self.advertising:g}")
            if (value := found.running) < self.running:
                return Drop("boilerplate", f"{value:.4g}, at least {self.running:g}")
            if (value := found.sentence) > self.sentence:
                reason = "repeated phrases" if found.repeats else "keywords"
                return Drop(reason, f"{value:.4g} words a sentence, at most {self.sentence:g}")
            return document.text

        return apply
