"""64 bits that differ the less, the more of their windows two texts have in common (Charikar 2002; Manku,
Jain, Das Sarma 2007).

ROOTS deduplicated OSCAR so. Two texts are near when at most `distance` of the bits differ. Of `blocks` blocks
of bits, so many touch no more than `distance` blocks; all others are equal, so each choice of `blocks -
distance` of them is a key.

Two faults of the published code are mended: it left out the last window of each text, and a text of no more
characters than a window had no window at all, so that all such texts had the same 64 bits.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from itertools import combinations, pairwise

import numpy as np

from data_pipeline.measures.characters import code_points
from data_pipeline.measures.hashing import gram_hashes, mixed

_BITS = 64
_CHUNK = 1 << 14  # hashes at a time
_LAST = 0x20000  # no punctuation from here on (Unicode 16)


def without_punctuation(text: str) -> np.ndarray:
    """uint32: the code points of a text in small letters, but for what Unicode calls punctuation."""
    codes = code_points(text.lower())
    return codes[~_punctuation()[np.minimum(codes, _LAST - 1)]]


def windows(values: np.ndarray, size: int) -> np.ndarray:
    """uint64: a hash of each run of `size` values (uint64, spread over all bits), or of all where they are fewer."""
    return mixed(gram_hashes(values, min(size, values.size))) if values.size else values


def fingerprint(hashes: np.ndarray) -> int:
    """The 64 bits of one or more hashes (uint64): each is that of most of them; 0 where as many say either."""
    tally = np.zeros(8 * 256, np.int64)
    for start in range(0, hashes.size, _CHUNK):
        octets = hashes[start : start + _CHUNK].astype("<u8").view(np.uint8).reshape(-1, 8)
        tally += np.bincount((octets + _LANES).ravel(), minlength=tally.size)
    most = (tally.reshape(8, 256) @ _OCTETS).ravel() * 2 > hashes.size
    return int(np.packbits(most, bitorder="little").view("<u8")[0])


def block_keys(fingerprint: int, blocks: int, distance: int) -> np.ndarray:
    """uint64 [choices]: two fingerprints that differ in at most `distance` bits share at least one."""
    masks = _masks(blocks, distance)
    return mixed(mixed(np.uint64(fingerprint) & masks) + np.arange(masks.size, dtype=np.uint64))


def near(rows: np.ndarray, distance: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows that share a key and whose fingerprints (in `low`) differ in at most `distance` bits.

    Rows are sorted by key, low and document; the later one is told first. Of equal fingerprints the first row stands
    for all.
    """
    key, low = rows["key"], rows["low"]
    same = (key[1:] == key[:-1]) & (low[1:] == low[:-1])
    distinct = np.flatnonzero(np.concatenate([[True], ~same])[: rows.size])
    again = np.flatnonzero(same) + 1
    left, right = [again], [distinct[np.searchsorted(distinct, again, "right") - 1]]
    key, low = key[distinct], low[distinct]
    place, step = np.arange(distinct.size), 1
    while place.size:
        place = place[place + step < distinct.size]
        place = place[key[place] == key[place + step]]
        found = place[np.bitwise_count(low[place] ^ low[place + step]) <= distance]
        left.append(distinct[found + step])
        right.append(distinct[found])
        step += 1
    return np.concatenate(left), np.concatenate(right)


@cache
def _punctuation() -> np.ndarray:
    return np.array([unicodedata.category(chr(point))[0] == "P" for point in range(_LAST)])


@cache
def _masks(blocks: int, distance: int) -> np.ndarray:
    edges = [round(_BITS * number / blocks) for number in range(blocks + 1)]
    parts = [(1 << high) - (1 << low) for low, high in pairwise(edges)]
    return np.array([sum(chosen) for chosen in combinations(parts, blocks - distance)], np.uint64)


_LANES = np.arange(8, dtype=np.intp) * 256
_OCTETS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little").astype(np.int64)
