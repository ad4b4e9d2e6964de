"""What is on record of the documents of one shard, in the file that lies beside it."""

from __future__ import annotations

import json
from functools import cached_property, lru_cache
from typing import Any, Protocol

import numpy as np

from data_pipeline.stored.storage import Storage


class Listed(Protocol):
    """The documents of a shard by their number in it; the file is read when the first is asked for.

    Raises DataError when it is not what was prepared.
    """

    def __len__(self) -> int: ...

    def id(self, document: int) -> str: ...

    def facts(self, document: int) -> dict[str, Any]:
        """Everything on record of one document; without what is not known."""

    def column(self, name: str) -> list[Any]:
        """One fact of every document, such as `id` or `hash`."""


def listed_of(storage: Storage, shard: str) -> Listed:
    """The sidecar of a shard, or its list of JSON lines."""
    return InSidecar(storage, shard) if f"{shard}.parquet" in storage.files else InLines(storage, shard)


class InSidecar:
    """A Parquet file of one row for each document, read by groups of rows."""

    def __init__(self, storage: Storage, shard: str) -> None:
        self._storage, self._name = storage, f"{shard}.parquet"
        self._ids = lru_cache(maxsize=64)(self._read_ids)

    def __len__(self) -> int:
        return int(self._firsts[-1])

    def id(self, document: int) -> str:
        group = self._group(document)
        return self._ids(group)[document - int(self._firsts[group])]

    def facts(self, document: int) -> dict[str, Any]:
        group = self._group(document)
        rows = self._file.read_row_group(group).slice(document - int(self._firsts[group]), 1)
        row = {name: value for name, value in rows.to_pylist()[0].items() if value not in (None, [])}
        meta = {"meta": json.loads(row["meta"])} if "meta" in row else {}
        return {**row, "hash": row["hash"].hex(), **meta}

    def column(self, name: str) -> list[Any]:
        values = self._file.read(columns=[name]).column(name).to_pylist()
        return [value.hex() for value in values] if name == "hash" else values

    def _group(self, document: int) -> int:
        return int(np.searchsorted(self._firsts, document, side="right")) - 1

    def _read_ids(self, group: int) -> list[str]:
        ids: list[str] = self._file.read_row_group(group, columns=["id"]).column("id").to_pylist()
        return ids

    @cached_property
    def _file(self) -> Any:
        import pyarrow
        import pyarrow.parquet

        return pyarrow.parquet.ParquetFile(pyarrow.BufferReader(self._storage.whole(self._name)))

    @cached_property
    def _firsts(self) -> np.ndarray:
        """int64[groups + 1]: the first document of each group of rows, then their number."""
        facts = self._file.metadata
        sizes = [facts.row_group(group).num_rows for group in range(facts.num_row_groups)]
        return np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))


class InLines:
    """One line of JSON for each document."""

    def __init__(self, storage: Storage, shard: str) -> None:
        self._storage, self._name = storage, f"{shard}.jsonl"

    def __len__(self) -> int:
        return len(self._ends)

    def id(self, document: int) -> str:
        found: str = self.facts(document)["id"]
        return found

    def facts(self, document: int) -> dict[str, Any]:
        start = int(self._ends[document - 1]) + 1 if document else 0
        line: dict[str, Any] = json.loads(self._text[start : int(self._ends[document])])
        return line

    def column(self, name: str) -> list[Any]:
        return [json.loads(line)[name] for line in self._text.splitlines()]

    @cached_property
    def _text(self) -> bytes:
        return bytes(self._storage.whole(self._name))

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.flatnonzero(np.frombuffer(self._text, np.uint8) == ord("\n"))
