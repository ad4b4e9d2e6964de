"""What is known of each document of a shard, in one Parquet file beside it.

A token shard alone cannot say whose text was trained on, under which licence, or what a filter changed. `PREFIX.parquet`
has a row for each document of `PREFIX.bin`, in their order:

    id          string         unique within its source
    source      string
    path        string         where it stands in the source, if the source says
    licence     string
    language    string
    changed_by  list<string>   the steps that changed its text
    hash        binary[16]     of its text as it was tokenized
    tokens      int32          its tokens, its end included
    start       int64          the first of them, counted in tokens of the shard
    meta        string         what else the source said of it, as JSON

Any reader of Parquet opens it; ours is `stored/listed.py`. Rows are in groups, and a reader takes the groups and columns that it
needs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

ROWS_IN_A_GROUP = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentFacts:
    """One row. `hash` is 32 hexadecimal digits; `start` and `tokens` are its span in the shard."""

    id: str
    source: str
    hash: str
    tokens: int
    start: int
    path: str | None = None
    licence: str | None = None
    language: str | None = None
    changed_by: tuple[str, ...] = ()
    meta: Mapping[str, object] = field(default_factory=dict)


def parquet_path(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.parquet")


class SidecarWriter:
    """Writes one sidecar, a group of rows at a time. As with a shard, it is the job that is whole on disk or not there.

    with SidecarWriter(folder / "train-00000") as sidecar:
        sidecar.add(facts)
    """

    def __init__(self, prefix: Path) -> None:
        import pyarrow.parquet

        self._schema = schema()
        self._writer = pyarrow.parquet.ParquetWriter(str(parquet_path(prefix)), self._schema, compression="zstd")
        self._waiting: list[dict[str, Any]] = []

    def add(self, facts: DocumentFacts) -> None:
        """The next document of the shard. Raises ValueError for a `hash` that is no hexadecimal number."""
        self._waiting.append(_row(facts))
        if len(self._waiting) == ROWS_IN_A_GROUP:
            self._write()

    def close(self) -> None:
        """Writes what waits, and the end of the file."""
        self._write()
        self._writer.close()

    def __enter__(self) -> SidecarWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._writer.close()

    def _write(self) -> None:
        import pyarrow

        if not self._waiting:
            return
        self._writer.write_table(pyarrow.Table.from_pylist(self._waiting, schema=self._schema))
        self._waiting = []


def _row(facts: DocumentFacts) -> dict[str, Any]:
    return {
        "id": facts.id, "source": facts.source, "path": facts.path, "licence": facts.licence, "language": facts.language,
        "changed_by": list(facts.changed_by), "hash": bytes.fromhex(facts.hash), "tokens": facts.tokens, "start": facts.start,
        "meta": json.dumps(dict(facts.meta), ensure_ascii=False, default=str) if facts.meta else None,
    }  # fmt: skip


def schema() -> Any:
    """The columns of every sidecar, as pyarrow has them."""
    import pyarrow

    text = pyarrow.string()
    return pyarrow.schema([
        pyarrow.field("id", text, nullable=False), pyarrow.field("source", text, nullable=False),
        ("path", text), ("licence", text), ("language", text),
        pyarrow.field("changed_by", pyarrow.list_(text), nullable=False), pyarrow.field("hash", pyarrow.binary(16), nullable=False),
        pyarrow.field("tokens", pyarrow.int32(), nullable=False), pyarrow.field("start", pyarrow.int64(), nullable=False),
        ("meta", text),
    ])  # fmt: skip
