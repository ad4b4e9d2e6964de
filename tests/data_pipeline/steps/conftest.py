"""Documents and pages for tests of steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_pipeline.clean import StepTally, clean
from data_pipeline.documents import Document
from data_pipeline.mixture import page_model
from data_pipeline.steps import Step
from orchestrator.pages import parse_page, validate

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
    stream = clean(documents, steps_of(said, language), language, folder, tallies)
    return [record.text for record in stream if isinstance(record, Document)], tallies
