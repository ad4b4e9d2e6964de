"""What is on record of the documents of one shard, in the file that lies beside it."""

from __future__ import annotations

import json
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from data_pipeline.sidecar import schema
from data_pipeline.stored.storage import Storage
from orchestrator.errors import DataError

_GROUPS_KEPT = 64  # columns of ids
_REMEDY = "the data is damaged: remove its folder and prepare it again"


class Listed:
    """The documents of a shard by their number in it: its sidecar, read by groups of rows when the first is asked for.

    Raises DataError when it is not what was prepared. For one thread.
    """

    def __init__(self, storage: Storage, shard: str) -> None:
        self._storage, self._name = storage, f"{shard}.parquet"
        self._ids = lru_cache(maxsize=_GROUPS_KEPT)(self._read_ids)

    def __len__(self) -> int:
        return int(self._firsts[-1])

    def id(self, document: int) -> str:
        """Its id, unique within its source."""
        group = self._group(document)
        return self._ids(group)[document - int(self._firsts[group])]

    def facts(self, document: int) -> dict[str, Any]:
        """Everything on record of one document; without what is not known."""
        group = self._group(document)
        rows = self._file.read_row_group(group).slice(document - int(self._firsts[group]), 1)
        row = {name: value for name, value in rows.to_pylist()[0].items() if value not in (None, [])}
        meta = {"meta": json.loads(row["meta"])} if "meta" in row else {}
        return {**row, "hash": row["hash"].hex(), **meta}

    def column(self, name: str) -> list[Any]:
        """One fact of every document, such as `id` or `hash`."""
        values = self._file.read(columns=[name]).column(name).to_pylist()
        return [value.hex() for value in values] if name == "hash" else values

    def _group(self, document: int) -> int:
        if not 0 <= document < len(self):
            raise IndexError(f"{self._name} has {len(self):,} documents, none of number {document}")
        return int(np.searchsorted(self._firsts, document, side="right")) - 1

    def _read_ids(self, group: int) -> list[str]:
        ids: list[str] = self._file.read_row_group(group, columns=["id"]).column("id").to_pylist()
        return ids

    @cached_property
    def _file(self) -> Any:
        import pyarrow
        import pyarrow.parquet

        try:
            file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(self._storage.whole(self._name)))
        except pyarrow.ArrowInvalid as error:
            raise DataError(f"{self._name} is no Parquet file ({error}); {_REMEDY}") from None
        if not file.schema_arrow.equals(schema()):
            raise DataError(f"{self._name} has other columns than a sidecar ({', '.join(file.schema_arrow.names)}); {_REMEDY}")
        return file

    @cached_property
    def _firsts(self) -> np.ndarray:
        """int64[groups + 1]: the first document of each group of rows, then their number."""
        facts = self._file.metadata
        sizes = [facts.row_group(group).num_rows for group in range(facts.num_row_groups)]
        return np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
