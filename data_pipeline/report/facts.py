"""What a prepared folder's `report.json` says, read back.

A report is read by newer and older versions than the one that wrote it, so every number may be missing: it is then None,
and the page says `not measured` instead of showing a zero that nobody counted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from data_pipeline.prepared import Prepared
from orchestrator.errors import DataError

Counts = Mapping[str, int]


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Size(_Fact):
    """Documents and bytes of text."""

    documents: int | None = None
    bytes: int | None = None


class Split(_Fact):
    """Documents and tokens, ends of documents included."""

    documents: int | None = None
    tokens: int | None = None


class Rejected(_Fact):
    """Records and files that could not be read."""

    records: int = 0
    examples: tuple[Mapping[str, str], ...] = ()
    reasons: Counts = {}


class StepFacts(_Fact):
    """What one step did to one source. Each example has an `id`, and a `text`, or a `before` and an `after`."""

    step: str
    read: int = 0
    kept: int = 0
    changed: int = 0
    characters_read: int = 0
    characters_kept: int = 0
    dropped: Counts = {}
    examples: Mapping[str, tuple[Mapping[str, str], ...]] = {}
    notes: tuple[str, ...] = ()
    measures: Mapping[str, Any] = {}


class Clusters(_Fact):
    """Groups of documents that one step found to be copies of one another; `examples` are ids."""

    clusters: int = 0
    documents: int = 0
    largest: int = 0
    examples: tuple[tuple[str, ...], ...] = ()


class SourceFacts(_Fact):
    """One source. `weight` is its asked share, `lengths` counts documents by floor(log2(tokens))."""

    name: str
    language: str | None = None
    content: str = "text"
    licence: str | None = None
    kind: str | None = None
    weight: float | None = None
    max_epochs: float | None = None
    read: Size = Size()
    kept: Size = Size()
    rejected: Rejected = Rejected()
    steps: tuple[StepFacts, ...] = ()
    exact_copies: int = 0
    clusters: Mapping[str, Clusters] = {}
    train: Split = Split()
    validation: Split = Split()
    tokens: int | None = None
    words: int | None = None
    characters: int | None = None
    lengths: tuple[int, ...] | None = None
    personal_data: Counts | None = None
    personal_data_samples: Mapping[str, tuple[Mapping[str, str], ...]] = {}

    @property
    def dropped(self) -> int | None:
        """Documents read that no shard holds."""
        read, kept = self.read.documents, self.kept.documents
        return None if read is None or kept is None else read - kept


class Planned(_Fact):
    """What a run takes of one source, as worked out before it."""

    samples: int
    tokens: int
    epochs: float


class Forecast(_Fact):
    samples: int
    sequence_length: int
    sources: Mapping[str, Planned] = {}


class Tokenizer(_Fact):
    kind: str | None = None
    vocab_size: int | None = None
    sample_bytes: int | None = None


def _as_list(said: Any) -> Any:
    return [{"name": name, **facts} for name, facts in said.items()] if isinstance(said, dict) else said


class Facts(_Fact):
    """The whole report."""

    mixture: str
    fingerprint: str
    tokenizer: Tokenizer = Tokenizer()
    sources: Annotated[tuple[SourceFacts, ...], BeforeValidator(_as_list)]
    forecast: Forecast | None = None
    """Of a run; the preparation knows of none."""


def facts_of(prepared: Prepared) -> Facts:
    """The report of a prepared folder. Raises DataError when it is missing or damaged."""
    path = prepared.folder / "report.json"
    remedy = f"remove {prepared.folder} and prepare the mixture {prepared.name!r} again"
    if not path.is_file():
        raise DataError(f"{path} is missing; {remedy}")
    try:
        said = json.loads(path.read_bytes())
        return Facts.model_validate({"mixture": prepared.name, "fingerprint": prepared.fingerprint, **said})
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(f"{path} is damaged ({'.'.join(map(str, first['loc']))}: {first['msg']}); {remedy}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error!r}); {remedy}") from None
