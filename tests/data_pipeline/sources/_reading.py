"""What the tests of sources share: a source from plain words, and its records told apart."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from data_pipeline.sources import SOURCES, Block, Document, Rejected, Source


def source(kind: str, folder: Path, **said: Any) -> Any:
    return SOURCES.get(kind).model_validate({"name": "mine", "kind": kind, **said}).anchored(folder)


def split(records: Any) -> tuple[list[Document], list[Rejected]]:
    found = list(records)
    documents = [record for record in found if isinstance(record, Document)]
    return documents, [record for record in found if isinstance(record, Rejected)]


def read(kind: str, folder: Path, **said: Any) -> tuple[list[Document], list[Rejected]]:
    return split(source(kind, folder, **said).documents())


def through_blocks(source: Source, size: int) -> list[Document | Rejected]:
    """The records of all blocks, each block pickled on its way to its reader."""
    blocks: list[Block] = pickle.loads(pickle.dumps(source.blocks(size)))
    return [record for block in blocks for record in source.read(block)]
