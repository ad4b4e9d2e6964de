"""Ids of the documents of one shard, looked up in the list that lies beside it."""

from __future__ import annotations

import json
from functools import cached_property

import numpy as np

from data_pipeline.stored.storage import Storage


class DocumentNames:
    """The documents of the shard `name`, by their number in it; read when the first is asked for."""

    def __init__(self, storage: Storage, name: str) -> None:
        self._storage, self._name = storage, name

    def __getitem__(self, document: int) -> str:
        start = int(self._ends[document - 1]) + 1 if document else 0
        line = json.loads(self._text[start : int(self._ends[document])])
        name: str = line["id"]
        return name

    @cached_property
    def _text(self) -> bytes:
        return self._storage.whole(f"{self._name}.jsonl")

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.flatnonzero(np.frombuffer(self._text, np.uint8) == ord("\n"))
