"""Which texts a tokenizer is learnt from: of each source as much as its share, the same ones however they are read.

A tokenizer learnt from the first gigabyte of a corpus knows the language that happens to come first. Shares follow the
weights of the mixture, or the bytes of the sources raised to `alpha`, which raises the small languages (Conneau and
Lample 2019, section 3.1: p_i = (n_i / N)^alpha / sum of (n_j / N)^alpha; BLOOM's tokenizer was learnt so). Within a source
the texts of the smallest hash rank are taken, so neither the order of documents nor their division into blocks matters,
and blocks can be sampled apart and merged.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

LONGEST = 2**20  # characters of one document that a tokenizer is learnt from


def quota(
    sizes: Mapping[str, int], total: int, *, weights: Mapping[str, float] | None = None, alpha: float | None = None
) -> dict[str, int]:
    """Bytes to take of each source, at most its size and together at most `total`.

    By `weights`, or by sizes to the power `alpha`. What a source has too little of, the others give in proportion.
    """
    if (weights is None) == (alpha is None):
        raise ValueError("say either weights or alpha")
    whole = sum(sizes.values())
    shares: dict[str, float] = {
        name: weights[name] if weights is not None else (size / whole) ** (alpha or 0.0) for name, size in sizes.items() if size
    }
    given = dict.fromkeys(sizes, 0)
    left = total
    while shares:
        scale = left / sum(shares.values())
        full = [name for name, share in shares.items() if share * scale >= sizes[name]]
        if not full:
            return {**given, **{name: int(share * scale) for name, share in shares.items()}}
        for name in full:
            given[name] = sizes[name]
            left -= sizes[name]
            del shares[name]
    return given


class Sampler:
    """The texts of smallest rank, up to the first that no longer fits in `limit` bytes, but at least one.

    Holds no more than that and one text. A sampler that saw some of the documents, merged with those that saw the rest,
    holds what one that saw all would.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: list[tuple[float, _Later, str, int]] = []  # a heap, the largest rank first
        self._bytes = 0
        self._cut: tuple[float, str] | None = None  # the smallest that did not fit: nothing behind it counts

    def add(self, rank: float, id: str, text: str) -> None:
        """One document; `rank` in [0, 1) is a function of it alone, ties are told apart by `id`."""
        if self._cut is not None and (rank, id) >= self._cut:
            return
        text = text[:LONGEST]
        size = len(text.encode())
        heapq.heappush(self._held, (-rank, _Later(id), text, size))
        self._bytes += size
        while self._bytes > self.limit and len(self._held) > 1:
            self._drop_last()

    def merge(self, others: Iterable[Sampler]) -> None:
        for other in others:
            for negative, name, text, _ in other._held:
                self.add(-negative, name.id, text)
            if other._cut is not None and (self._cut is None or other._cut < self._cut):
                self._cut = other._cut
                while (-self._held[0][0], self._held[0][1].id) >= self._cut:
                    self._drop_last()

    def texts(self) -> list[str]:
        """What is held, by rank."""
        return [text for _, _, text, _ in sorted(self._held, reverse=True)]

    def write(self, path: Path) -> None:
        """Saves it for `read`, as compressed lines of JSON; the same documents give the same bytes."""
        import zstandard

        lines: list[Any] = [[self.limit, self._cut]]
        lines += [[-negative, name.id, text] for negative, name, text, _ in sorted(self._held, reverse=True)]
        with zstandard.open(path, "wt", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{json.dumps(line)}\n" for line in lines)

    @classmethod
    def read(cls, path: Path) -> Sampler:
        import zstandard

        with zstandard.open(path, "rt", encoding="utf-8", newline="\n") as file:
            limit, cut = json.loads(next(file))
            sampler = cls(limit)
            for line in file:
                sampler.add(*json.loads(line))
        sampler._cut = None if cut is None else (cut[0], cut[1])
        return sampler

    def _drop_last(self) -> None:
        negative, name, _, size = heapq.heappop(self._held)
        self._bytes -= size
        self._cut = min(self._cut or (1.0, ""), (-negative, name.id))


class _Later:
    """An id in reversed order, for a heap whose first is the last."""

    __slots__ = ("id",)

    def __init__(self, id: str) -> None:
        self.id = id

    def __lt__(self, other: _Later) -> bool:
        return self.id > other.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Later) and self.id == other.id

    __hash__ = None  # type: ignore[assignment]


def distinct_lines(texts: Sequence[str]) -> Iterator[str]:
    """The texts with each line where it stands first; texts of which nothing is left are left out. 8 bytes a line."""
    keys = np.frombuffer(array("Q", (_key(line) for text in texts for line in text.split("\n"))), np.uint64)
    first = np.zeros(keys.size, bool)
    first[np.unique(keys, return_index=True)[1]] = True
    at = 0
    for text in texts:
        lines = text.split("\n")
        kept = [line for line, new in zip(lines, first[at : at + len(lines)].tolist(), strict=True) if new]
        at += len(lines)
        if any(kept):
            yield "\n".join(kept)


def _key(line: str) -> int:
    return int.from_bytes(hashlib.blake2b(line.encode(), digest_size=8).digest(), "little")
