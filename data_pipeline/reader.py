"""The documents of a source after its steps, read for the tokenizer and once more for the shards.

Those of a small mixture are kept from the first reading for the second; where there are steps, the others wait in a
file, so that no step is done twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from data_pipeline.clean import StepTally, clean
from data_pipeline.mixture import Mixture
from data_pipeline.sources import Document, Rejected, Source
from data_pipeline.spool import Spool

_KEPT = 2**26  # characters kept in memory between the two readings


class Reader:
    """`documents` of each source, to be read to the end, once or twice; `tallies` of its steps after the first time."""

    def __init__(self, mixture: Mixture, folder: Path) -> None:
        self._mixture = mixture
        self._scratch = folder / "scratch"
        self._kept: dict[str, list[Document | Rejected]] = {}
        self._room = _KEPT
        self._spooled: dict[str, tuple[list[Rejected], Spool]] = {}
        self.tallies: dict[str, list[StepTally]] = {}

    def documents(self, source: Source) -> Iterator[Document | Rejected]:
        if source.name in self._kept:
            yield from self._kept.pop(source.name)
        elif source.name in self._spooled:
            rejected, spool = self._spooled.pop(source.name)
            yield from rejected
            yield from spool.documents()
            spool.close()
        elif self._mixture.steps_of(source):
            yield from self._cleaned(source)
        else:
            yield from self._read(source)

    def _read(self, source: Source) -> Iterator[Document | Rejected]:
        records: list[Document | Rejected] = []
        for record in source.documents():
            self._room -= len(record.text) if isinstance(record, Document) else 0
            if self._room > 0:
                records.append(record)
            yield record
        if self._room > 0:
            self._kept[source.name] = records

    def _cleaned(self, source: Source) -> Iterator[Document | Rejected]:
        self._scratch.mkdir(exist_ok=True)
        tallies = self.tallies[source.name] = []
        steps = self._mixture.steps_of(source)
        records = clean(source.documents(), steps, source.language, self._scratch, tallies)
        if self._mixture.tokenizer.file is not None:  # read once
            yield from records
            return
        rejected, spool = [], Spool(self._scratch, max(0, self._room))
        for record in records:
            if isinstance(record, Rejected):
                rejected.append(record)
            else:
                spool.add(record)
            yield record
        self._room = spool.room
        self._spooled[source.name] = rejected, spool

    def close(self) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)  # there is none without steps
