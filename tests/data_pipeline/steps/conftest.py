"""Documents and pages for tests of steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_pipeline.clean import StepTally, clean
from data_pipeline.documents import Document
from data_pipeline.mixture import page_model
from data_pipeline.steps import Step, Wide
from orchestrator.pages import parse_page, validate
from tests.data_pipeline.steps.run_wide import run_wide

PAGE = """
sources: [{{name: one, kind: python_installation, weight: 1{more}}}]
steps: [{steps}]
tokenizer: {{train: byte_bpe, vocab_size: 300}}
"""


def document(text: str, number: int = 0, **meta: Any) -> Document:
    return Document(id=str(number), text=text, source="one", meta=meta)


def steps_of(said: str, language: str | None = None) -> tuple[Step, ...]:
    """The steps of a page that says them so."""
    more = f", language: {language}" if language else ""
    page = validate(parse_page(PAGE.format(steps=said, more=more), "page.yaml"), page_model())
    return page.steps


def cleaned(
    said: str, texts: list[str] | list[Document], folder: Path, language: str | None = None
) -> tuple[list[str], list[StepTally]]:
    """The texts that are left, and what was counted."""
    documents = [text if isinstance(text, Document) else document(text, number) for number, text in enumerate(texts)]
    tallies: list[StepTally] = []
    for step in steps_of(said, language):
        if isinstance(step, Wide):
            documents = _after_all(step, documents, language, tallies)
        else:
            documents = [record for record in clean(documents, [step], language, tallies) if isinstance(record, Document)]
    return [entry.text for entry in documents], tallies


def _after_all(step: Wide, documents: list[Document], language: str | None, tallies: list[StepTally]) -> list[Document]:
    tally = StepTally(step=step.step, notes=step.notes(language))
    tallies.append(tally)
    outcomes, _ = run_wide(step, documents, [language] * len(documents))
    return [kept for entry, outcome in zip(documents, outcomes, strict=True) if (kept := tally.count(entry, outcome)) is not None]
