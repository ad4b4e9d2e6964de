"""What texts are compared by: 128 bits of a hash, as the two columns of `steps.ROWS`.

A set of all lines of a source does not fit in memory, and it is the large sources that repeat themselves; rows of hashes are
sorted on disk instead. Two different texts share a key about once in 10^38 pairs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np


def key_of(text: str) -> bytes:
    """16 bytes; equal texts have equal keys."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def keys_of(texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """uint64 [texts], twice: both halves of each key."""
    pairs = np.frombuffer(b"".join(map(key_of, texts)), "<u8").reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]
