"""What a step is: a section of the mixture page that keeps, changes or drops each document.

A cleaning script that drops documents without a word can only be trusted by running it again. Here a step is a
pure function of documents, whoever runs it counts what it changed and dropped, under the reason it gave, and keeps
examples. Steps stand in a list, in the order in which they are applied:

    steps:
      - uniform_whitespace
      - filter_small_docs_bytes: {bytes: 1024}
      - quality: {language: fr}

A new step is one new file in this folder: a `Step` whose `step` is the file's name, registered with
`@STEPS.register`. Most need one method, `apply`. A step that must have seen its whole source before it can decide
(which lines are a template, which documents are copies) is a `SourceWide`.

Whoever changes what a step does raises its `version`: prepared data is made again where the signature changed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from data_pipeline.documents import Document
from orchestrator.pages import Section
from orchestrator.registry import Registry


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


class Step(Section):
    """What every step says; each adds its own keys."""

    step: str
    version: ClassVar[int] = 1

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


class Survey(Protocol):
    """A look at all documents of a source, and then what to do with each, in the same order."""

    def see(self, document: Document) -> None: ...

    def decide(self) -> Apply: ...


class SourceWide(Step):
    """A step that sees all documents of its source before it decides about the first."""

    @abstractmethod
    def survey(self, scratch: Path) -> Survey:
        """A new survey; what does not fit in memory goes to files in `scratch`."""


STEPS: Registry[type[Step]] = Registry(kind="step", package="data_pipeline.steps")
