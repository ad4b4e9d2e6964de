"""Files -> blocks of about equal size, and how much is read of each where the page sets a limit.

A corpus of a million small files and one of a single file of a terabyte are both too much, and too little,
for one worker at a time. Here small files come together in their order, and large ones are cut where their
format allows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from data_pipeline.documents import Document, Rejected
from data_pipeline.sources import Block
from data_pipeline.sources._found import FoundFile, signature_of

_ENOUGH = 0.98
"""Of a limit: then no more is read to find a document that still fits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A file, or of it what lies from `start` to before `stop`: bytes of lines, or row groups."""

    file: FoundFile
    size: int
    """About how many bytes of text it holds."""
    start: int = 0
    stop: int | None = None

    @property
    def name(self) -> str:
        return self.file.name if self.stop is None else f"{self.file.name}[{self.start}:{self.stop}]"

    @property
    def facts(self) -> str:
        return self.file.facts if self.stop is None else f"{self.file.facts} {self.start} {self.stop}"


def grouped(parts: Sequence[Any], size: int, limit: int | None = None) -> list[Block]:
    """Blocks of neighbours in `parts` (anything with name, facts and size), each of `size` or one part that
    is larger.

    A limit is shared by the blocks in proportion to what they hold.
    """
    groups: list[list[Any]] = []
    held = 0
    for part in parts:
        if not groups or held + part.size > size:
            groups.append([])
            held = 0
        groups[-1].append(part)
        held += part.size
    total = sum(part.size for part in parts)
    return [_block(group, limit, total) for group in groups]


def _block(parts: list[Any], limit: int | None, total: int) -> Block:
    first, last = parts[0].name, parts[-1].name
    held = sum(part.size for part in parts)
    share = None if limit is None or limit >= total else -(-limit * held // total)
    return Block(
        name=first if len(parts) == 1 else f"{first} ... {last}",
        parts=tuple(parts),
        signature=signature_of(
            [*(part.facts for part in parts), *([] if share is None else [f"limit {share}"])]
        ),
        size=held,
        limit=share,
    )


class Allowance:
    """Holds the documents of a block's parts to the block's limit, each part to what its size lets it have
    by then.

    So every part gives its share, and small parts, of one document each, give one in so many. A document
    that does not fit in what is left is passed over.
    """

    def __init__(self, block: Block) -> None:
        self._limit, self._size = block.limit, block.size
        self._seen = self._taken = 0

    def take(self, records: Iterable[Document | Rejected], size: int) -> Iterator[Document | Rejected]:
        self._seen += size
        if self._limit is None:
            yield from records
            return
        allowed = self._limit * self._seen // max(1, self._size)
        for record in records:
            text = len(record.text.encode()) if isinstance(record, Document) else 0
            if self._taken + text <= allowed:
                self._taken += text
                yield record
            if self._taken >= _ENOUGH * allowed:
                return
