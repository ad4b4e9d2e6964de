"""Documents under the licences that a page names, and no others."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Drop, Outcome, Step
from data_pipeline.steps._licences import allowed, licence_of, matches


@STEPS.register
class KeepLicences(Step):
    """A document under several licences stays when all are named, or one of those that it offers as a choice (`MIT OR X`)."""

    step: Literal["keep_licences"]
    version: ClassVar[int] = 2
    licences: tuple[str, ...] = Field(min_length=1, description="identifiers of SPDX; `*` stands for anything")
    unknown: bool = Field(default=False, description="keep documents that name no licence")

    def apply(self, document: Document) -> Outcome:
        named = licence_of(document)
        if not named:
            return document.text if self.unknown else Drop("no licence")
        if all(allowed(said, lambda name: matches(name, self.licences)) for said in named):
            return document.text
        return Drop("licence", ", ".join(named))
