"""Documents that hold parts of an evaluation: a model that has read the questions is not measured by them.

A document is looked through for n-grams of words of the evaluation's texts (GPT-3, arXiv:2005.14165, appendix C: 13 words). It is
dropped when it holds at least `least` of them, or, with `action: cut`, what it shares is cut out with `around` characters on
both sides, pieces shorter than `shortest` go, and a document in more than `pieces` pieces is dropped.

    - decontaminate:
        sets:
          - {name: mmlu, paths: evaluations/mmlu/*.jsonl, fields: [question, answer]}
          - {name: books, paths: evaluations/books/*.txt}
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from data_pipeline.steps import STEPS, Apply, Step
from orchestrator.pages import Count, Section

Paths = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value), Field(min_length=1)
]


class EvaluationSet(Section):
    """Files as those of a source of kind `files`: JSON lines, Parquet or plain text."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    paths: Paths
    fields: tuple[str, ...] = Field(default=("text",), min_length=1, description="each holds a text; of plain text files: text")

    def texts(self) -> Iterator[tuple[str, str]]:
        """(id, text) of every field of every record. Raises DataError where one cannot be read: it would be missed in silence."""
        from data_pipeline.sources import SOURCES, Rejected
        from orchestrator.errors import DataError

        for field in self.fields:
            said = {"name": self.name, "kind": "files", "paths": self.paths, "weight": 1, "text_field": field}
            source = SOURCES.get("files").model_validate(said)
            for block in source.blocks(2**40):
                for record in source.read(block):
                    if not isinstance(record, Rejected):
                        yield record.id, record.text
                    elif record.reason != "empty text":
                        told = f"evaluation set {self.name!r}, {record.where}: {record.reason}"
                        raise DataError(f"{told}; mend the file, or name its fields")


@STEPS.register
class Decontaminate(Step):
    step: Literal["decontaminate"]
    sets: tuple[EvaluationSet, ...] = Field(min_length=1)
    n: int = Field(default=13, ge=2, le=100, description="words of an n-gram")
    characters: int = Field(default=26, ge=2, le=200, description="of an n-gram, in scripts without spaces")
    action: Literal["drop", "cut"] = "drop"
    least: int = Field(default=1, ge=1, description="n-grams found, for a document to be dropped or cut")
    around: int = Field(default=200, ge=0, description="characters cut out on both sides")
    shortest: int = Field(default=200, ge=1, description="characters of a piece that stays")
    pieces: int = Field(default=10, ge=1, description="a document in more of them is dropped")
    most: Annotated[Count, Field(ge=1)] = Field(default=200_000_000, description="n-grams of all sets; 12 bytes of memory each")

    def anchored(self, folder: Path) -> Decontaminate:
        from data_pipeline.sources import anchored_path

        sets = tuple(each.model_copy(update={"paths": anchored_path(each.paths, folder)}) for each in self.sets)
        return self.model_copy(update={"sets": sets})

    def signature(self) -> dict[str, Any]:
        """The content of the sets stands for their paths."""
        from data_pipeline.steps._decontaminate import content_of

        said = super().signature()
        return {**said, "sets": [each.name for each in self.sets], "content": content_of(self.sets)}

    def begin(self, language: str | None) -> Apply:
        from data_pipeline.steps._decontaminate import Decontaminator

        return Decontaminator(self)

    def notes(self, language: str | None) -> list[str]:
        from data_pipeline.steps._decontaminate import index_of

        index = index_of(self).overlap
        told = f"{index.too_short:,} of {index.texts:,} texts are shorter than an n-gram; not looked for"
        return [told] if index.too_short else []
