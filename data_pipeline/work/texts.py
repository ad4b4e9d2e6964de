"""Documents on disk between jobs: Arrow, compressed, in the order in which they came.

As JSON lines, half of the time of a cheap step went into escaping and parsing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_pipeline.documents import Document

_ROWS = 1024
_CHARACTERS = 2**24


class TextsWriter:
    """`add` documents, then `close`. The same documents give the same bytes."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        self._schema = pa.schema([(name, pa.large_string()) for name in ("id", "text", "meta", "changed")])
        options = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
        self._file = pa.ipc.new_file(str(path), self._schema, options=options)
        self._rows: list[tuple[str, str, str, str]] = []
        self._characters = 0
        self.documents = 0

    def add(self, document: Document) -> None:
        meta = json.dumps(dict(document.meta), ensure_ascii=False, default=str) if document.meta else ""
        self._rows.append((document.id, document.text, meta, " ".join(document.changed)))
        self._characters += len(document.text)
        self.documents += 1
        if len(self._rows) >= _ROWS or self._characters >= _CHARACTERS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            columns = [pa.array(column, pa.large_string()) for column in zip(*self._rows, strict=True)]
            self._file.write_batch(pa.record_batch(columns, schema=self._schema))
        self._rows, self._characters = [], 0


def read_texts(path: Path, source: str) -> Iterator[Document]:
    """The documents of a source, as they were written."""
    for batch in _batches(path):
        columns = (batch.column(number).to_pylist() for number in range(4))
        for name, text, meta, changed in zip(*columns, strict=True):
            said = json.loads(meta) if meta else {}
            yield Document(id=name, text=text, source=source, meta=said, changed=tuple(changed.split()))


def read_ids(path: Path, places: list[int]) -> list[str]:
    """The ids of the documents in these places."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as file:
        options = pa.ipc.IpcReadOptions(included_fields=[0])
        column = pa.ipc.open_file(file, options=options).read_all().column(0)
        names: list[str] = column.take(pa.array(places, pa.int64())).to_pylist()
        return names


def _batches(path: Path) -> Iterator[Any]:
    import pyarrow as pa

    with pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_file(file)
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)
