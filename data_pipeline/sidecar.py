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

Any reader of Parquet opens it. Rows are in groups, and a reader takes the groups and columns that it needs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from orchestrator.errors import DataError

ROWS_IN_A_GROUP = 4096
_GROUPS_KEPT = 64  # columns of ids that a reader holds


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
    """Writes one sidecar, a group of rows at a time; it appears under its name only when all of it is on disk.

    with SidecarWriter(folder / "train-00000") as sidecar:
        sidecar.add(facts)
    """

    def __init__(self, prefix: Path) -> None:
        import pyarrow.parquet

        self.prefix = prefix
        self._partial = parquet_path(prefix).with_name(f"{parquet_path(prefix).name}.partial")
        self._schema = _schema()
        self._file = self._partial.open("wb")
        self._writer = pyarrow.parquet.ParquetWriter(self._file, self._schema, compression="zstd")
        self._waiting: list[dict[str, Any]] = []

    def add(self, facts: DocumentFacts) -> None:
        """The next document of the shard. Raises ValueError for a `hash` that is no hexadecimal number."""
        self._waiting.append(_row(facts))
        if len(self._waiting) == ROWS_IN_A_GROUP:
            self._write()

    def close(self) -> None:
        """Writes what waits, forces the file to disk and gives it its name."""
        self._write()
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._partial.replace(parquet_path(self.prefix))

    def __enter__(self) -> SidecarWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._writer.close()
            self._file.close()
            self._partial.unlink()

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


class Sidecar:
    """One sidecar; opened when it is first asked, and read by groups of rows. For one thread."""

    def __init__(self, prefix: Path) -> None:
        self.path = parquet_path(prefix)
        self._ids_of = lru_cache(maxsize=_GROUPS_KEPT)(self._read_ids)

    def __len__(self) -> int:
        return int(self._firsts[-1])

    def __getitem__(self, document: int) -> DocumentFacts:
        """The facts of the document of this number in the shard."""
        if not 0 <= document < len(self):
            raise IndexError(f"{self.path} has {len(self):,} documents, none of number {document}")
        group = int(np.searchsorted(self._firsts, document, side="right")) - 1
        rows = self._file.read_row_group(group).slice(document - int(self._firsts[group]), 1)
        row: dict[str, Any] = rows.to_pylist()[0]
        return DocumentFacts(
            **{
                **row, "hash": row["hash"].hex(), "changed_by": tuple(row["changed_by"]),
                "meta": json.loads(row["meta"]) if row["meta"] else {},
            }
        )  # fmt: skip

    @property
    def ids(self) -> list[str]:
        """The ids of all documents."""
        return [name for group in range(len(self._firsts) - 1) for name in self._ids_of(group)]

    def names(self, documents: np.ndarray) -> list[str]:
        """The ids of the documents of these numbers; integer[n]."""
        documents = np.asarray(documents, dtype=np.int64)
        if documents.size and (documents.min() < 0 or documents.max() >= len(self)):
            raise IndexError(f"{self.path} has {len(self):,} documents; asked for {documents.min()} to {documents.max()}")
        groups = np.searchsorted(self._firsts, documents, side="right") - 1
        places = documents - self._firsts[groups]
        return [self._ids_of(group)[place] for group, place in zip(groups.tolist(), places.tolist(), strict=True)]

    def find(self, id: str) -> list[int]:
        """The numbers of the documents with this id; reads the column of ids."""
        import pyarrow.compute

        column = self._file.read(columns=["id"]).column("id")
        found: list[int] = np.flatnonzero(pyarrow.compute.equal(column, id).to_numpy()).tolist()
        return found

    @cached_property
    def _file(self) -> Any:
        import pyarrow
        import pyarrow.parquet

        if not self.path.is_file():
            raise DataError(f"{self.path} is missing; {_REMEDY}")
        try:
            file = pyarrow.parquet.ParquetFile(self.path, memory_map=True)
        except pyarrow.ArrowInvalid as error:
            raise DataError(f"{self.path} is no Parquet file ({error}); {_REMEDY}") from None
        if not file.schema_arrow.equals(_schema()):
            raise DataError(f"{self.path} has other columns than a sidecar ({', '.join(file.schema_arrow.names)}); {_REMEDY}")
        return file

    @cached_property
    def _firsts(self) -> np.ndarray:
        """int64[groups + 1]: the first document of each group of rows, then their number."""
        facts = self._file.metadata
        sizes = [facts.row_group(group).num_rows for group in range(facts.num_row_groups)]
        return np.concatenate(([0], np.cumsum(sizes, dtype=np.int64))).astype(np.int64)

    def _read_ids(self, group: int) -> list[str]:
        names: list[str] = self._file.read_row_group(group, columns=["id"]).column("id").to_pylist()
        return names


_REMEDY = "the data is damaged: remove its folder and prepare it again"


def _schema() -> Any:
    import pyarrow

    text = pyarrow.string()
    return pyarrow.schema([
        pyarrow.field("id", text, nullable=False), pyarrow.field("source", text, nullable=False),
        ("path", text), ("licence", text), ("language", text),
        pyarrow.field("changed_by", pyarrow.list_(text), nullable=False), pyarrow.field("hash", pyarrow.binary(16), nullable=False),
        pyarrow.field("tokens", pyarrow.int32(), nullable=False), pyarrow.field("start", pyarrow.int64(), nullable=False),
        ("meta", text),
    ])  # fmt: skip
