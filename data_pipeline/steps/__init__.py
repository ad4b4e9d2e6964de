"""What a step is: a section of the mixture page that keeps, changes or drops each document.

A cleaning script that drops documents without a word can only be trusted by running it again. Here a step is a
pure function of documents, whoever runs it counts what it changed and dropped, under the reason it gave, and keeps
examples. Steps stand in a list, in the order in which they are applied:

    steps:
      - uniform_whitespace
      - filter_small_docs_bytes: {bytes: 1024}
      - quality: {language: fr}

A new step is one new file in this folder: a `Step` whose `step` is the file's name, registered with
`@STEPS.register`. Most need one method, `apply`. A step that must have seen all documents before it can decide
(which lines are a template, which documents are copies) is `Wide`.

Whoever changes what a step does raises its `version`: prepared data is made again where the signature changed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

from data_pipeline.documents import Document
from orchestrator.pages import Section
from orchestrator.registry import Registry

if TYPE_CHECKING:  # a page is checked without numpy
    import numpy as np

    from data_pipeline.surveys import ApplyMarked, SidesOf, SurveyOf


@dataclass(frozen=True, slots=True)
class Drop:
    """A document is left out. `reason` is one of few, so that it can be counted; `measured` says more of this one."""

    reason: str
    measured: str = ""


Outcome = str | Drop
"""The text to go on with, the same object where nothing was changed, or why the document is dropped."""

Apply = Callable[[Document], Outcome]


@runtime_checkable
class Reporting(Protocol):
    """An `Apply` that has more to report than counts, when all documents went through it."""

    def facts(self) -> dict[str, Any]: ...


Content = Literal["text", "code"]


class Step(Section):
    """What every step says; each adds its own keys."""

    step: str
    version: ClassVar[int] = 1
    content: ClassVar[frozenset[Content]] = frozenset({"text", "code"})
    """What it is made for; on the page's list it passes over sources of another content."""

    def anchored(self, folder: Path) -> Step:
        """This step with its relative paths taken from `folder`, that of the mixture page."""
        return self

    def signature(self) -> dict[str, Any]:
        """Changes whenever the step may do something else."""
        return {"version": self.version, **self.model_dump(mode="json")}

    def problem(self, language: str | None) -> str | None:
        """Why the step cannot work on a source whose language is said so, if it cannot."""
        return None

    def begin(self, language: str | None) -> Apply:
        """What is applied to the documents of one source; word lists and models are loaded here."""
        return self.apply

    def notes(self, language: str | None) -> list[str]:
        """What the report should say of the step on this source, such as a check that could not be made."""
        return []

    def apply(self, document: Document) -> Outcome:
        """The document's text, as it is or changed, or a Drop."""
        raise NotImplementedError

    def merged(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The `facts` of a source from those of its blocks: numbers are added, of a list the first five stay."""
        total: dict[str, Any] = {}
        for part in facts:
            for name, value in part.items():
                if isinstance(value, dict):
                    total[name] = self.merged([total.get(name, {}), value])
                elif isinstance(value, list):
                    total[name] = [*total.get(name, []), *value][:5]
                else:
                    total[name] = total.get(name, 0) + value
        return total


class Wide(Step):
    """A step that must have seen all documents before it can decide about the first: copies, templates.

    In a source's own list it sees that source. On the page's list it sees every source if it works `across` them, else
    each source alone. Nothing of it is held in memory for long, and every part can run on another machine:

        survey   document -> rows                 in each block of documents
        decide   rows -> marks                    for each range of keys: all rows that share a key are there
        join     marks -> marks                   once, over all marks (clusters from pairs)
        marked   document, its marks -> outcome   in each block of documents

    Documents are numbered by (block, place in the block); the first of several is that of the smallest number. A step
    of several `turns` surveys again, knowing the marks of the turn before.
    """

    turns: ClassVar[int] = 1
    across: ClassVar[bool] = False
    copies: ClassVar[bool] = False
    """Whether a mark says of which document (`first`) another is a copy; such clusters are recorded."""

    @abstractmethod
    def survey(self, language: str | None, turn: int) -> SurveyOf:
        """What looks at the documents of one source."""

    @abstractmethod
    def decide(self, rows: np.ndarray, turn: int) -> np.ndarray:
        """ROWS, sorted by key, low, document and at -> MARKS in any order."""

    def join(self, marks: np.ndarray, sides: SidesOf) -> np.ndarray:
        """All MARKS of the last turn, sorted by document and at -> those that are acted upon."""
        return marks

    @abstractmethod
    def marked(self, language: str | None) -> ApplyMarked:
        """What is applied to the documents of one source."""


STEPS: Registry[type[Step]] = Registry(kind="step", package="data_pipeline.steps")
