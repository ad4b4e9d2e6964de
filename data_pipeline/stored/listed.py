"""The documents of one shard, from the list that lies beside it."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

import numpy as np

from data_pipeline.stored.storage import Storage


class ListedDocuments:
    """The documents of `shard`, by their number in it; the list is read when the first is asked for.

    Raises DataError when the list is not what was prepared.
    """

    def __init__(self, storage: Storage, shard: str) -> None:
        self._storage, self._shard = storage, shard

    def __len__(self) -> int:
        return len(self._ends)

    def id(self, document: int) -> str:
        found: str = self.facts(document)["id"]
        return found

    def facts(self, document: int) -> dict[str, Any]:
        """Everything on record of one document."""
        start = int(self._ends[document - 1]) + 1 if document else 0
        line: dict[str, Any] = json.loads(self._text[start : int(self._ends[document])])
        return line

    def column(self, name: str) -> list[Any]:
        """One fact of every document, such as `id` or `hash`."""
        return [json.loads(line)[name] for line in self._text.splitlines()]

    @cached_property
    def _text(self) -> bytes:
        return self._storage.whole(f"{self._shard}.jsonl")

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.flatnonzero(np.frombuffer(self._text, np.uint8) == ord("\n"))
