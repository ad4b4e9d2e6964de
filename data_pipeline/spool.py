"""Documents that are read again in the order in which they came: in memory while they are few, then in a file.

A step that must have seen its whole source would otherwise read it, and apply all steps before it, twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_pipeline.documents import Document

_IN_MEMORY = 2**24  # characters
_LEVEL = 1


class Spool:
    """Written once with `add`, then read with `documents`, any number of times, and closed.

    `room` is what is left of the characters that may be kept in memory; from the document on that does not fit, all go to
    the file.
    """

    def __init__(self, scratch: Path, in_memory: int = _IN_MEMORY) -> None:
        self._path = scratch / f"spool-{id(self)}.jsonl.zst"
        self.room = in_memory
        self._kept: list[Document] = []
        self._file: Any = None
        self._stream: Any = None

    def add(self, document: Document) -> None:
        if self._stream is None and len(document.text) <= self.room:
            self.room -= len(document.text)
            self._kept.append(document)
            return
        if self._stream is None:
            import zstandard

            self._file = self._path.open("wb")
            self._stream = zstandard.ZstdCompressor(level=_LEVEL).stream_writer(self._file)
        row = [document.id, document.text, document.source, dict(document.meta)]
        self._stream.write(json.dumps(row, default=str).encode() + b"\n")

    def documents(self) -> Iterator[Document]:
        yield from self._kept
        if self._stream is None:
            return
        if not self._file.closed:
            self._stream.close()
        import zstandard

        with zstandard.open(self._path, "rt", encoding="utf-8", newline="\n") as lines:
            for line in lines:
                name, text, source, meta = json.loads(line)
                yield Document(id=name, text=text, source=source, meta=meta)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)
