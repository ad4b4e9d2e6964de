"""Documents under a licence that a page names are left out: copyleft, non-commercial, unknown ones."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Drop, Outcome, Step
from data_pipeline.steps._licences import allowed, licence_of, matches


@STEPS.register
class DropLicences(Step):
    """A document that offers another licence as a choice (`GPL-2.0-only OR MIT`) stays."""

    step: Literal["drop_licences"]
    version: ClassVar[int] = 2
    licences: tuple[str, ...] = Field(min_length=1, description="identifiers of SPDX; `*` stands for anything: `*GPL-*`")
    unknown: bool = Field(default=True, description="keep documents that name no licence")

    def apply(self, document: Document) -> Outcome:
        named = licence_of(document)
        if not named:
            return document.text if self.unknown else Drop("no licence")
        if all(allowed(said, lambda name: not matches(name, self.licences)) for said in named):
            return document.text
        return Drop("licence", ", ".join(named))
