"""Token shards in Megatron-LM's format, so that neither side has to convert anything.

A shard is two files. `PREFIX.bin` holds the token ids one after another, without header or padding.
`PREFIX.idx` says where documents begin:

    bytes    type       what
    9                   b"MMIDIDX\\0\\0"
    8        uint64     version, 1
    1        uint8      code of the token type: 8 = uint16, 4 = int32
    8        uint64     N, number of sequences
    8        uint64     D, number of document indices = documents + 1
    4 N      int32      tokens in each sequence
    8 N      int64      byte offset of each sequence in .bin
    8 D      int64      first sequence of each document, then N

all little-endian. Source: Megatron-LM, megatron/core/datasets/indexed_dataset.py (core 0.16.1),
`_IndexWriter`, `_IndexReader` and `DType.optimal_dtype`. We write one sequence per document, as
`tools/preprocess_data.py` does, because Megatron's GPTDataset shuffles sequences, not documents.
"""

from __future__ import annotations

import struct
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from orchestrator.errors import DataError

_MAGIC = b"MMIDIDX\x00\x00"
HEADER = struct.Struct("<9sQBQQ")
_CODES: dict[int, np.dtype[Any]] = {
    1: np.dtype("u1"), 2: np.dtype("i1"), 3: np.dtype("<i2"), 4: np.dtype("<i4"),
    5: np.dtype("<i8"), 6: np.dtype("<f8"), 7: np.dtype("<f4"), 8: np.dtype("<u2"),
}  # fmt: skip
_LONGEST = 2**31 - 1  # sequence lengths are int32
_BUFFER = 2**20  # bytes gathered before they are written


def token_dtype(vocab_size: int) -> np.dtype[Any]:
    """Megatron's choice: uint16 below 65,500 ids, else int32."""
    return np.dtype("<u2") if vocab_size < 65500 else np.dtype("<i4")


def bin_path(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.bin")


def idx_path(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.idx")


def index_of(lengths: np.ndarray, dtype: np.dtype[Any]) -> bytes:
    """The bytes of the `.idx` of documents of these lengths; int32[documents], one sequence each."""
    code = next(code for code, known in _CODES.items() if known == dtype)
    offsets = np.zeros(len(lengths) + 1, dtype="<i8")
    np.cumsum(lengths, dtype="<i8", out=offsets[1:])
    documents = np.arange(len(lengths) + 1, dtype="<i8")
    header = HEADER.pack(_MAGIC, 1, code, len(lengths), len(documents))
    return b"".join([header, lengths.tobytes(), (offsets[:-1] * dtype.itemsize).tobytes(), documents.tobytes()])


class ShardWriter:
    """Writes one shard. It is a job that is whole on disk or not there (work/store.py), not each file that a job writes.

    with ShardWriter(folder / "train-00000", token_dtype(vocab_size)) as shard:
        shard.add(ids)
    """

    def __init__(self, prefix: Path, dtype: np.dtype[Any]) -> None:
        self.prefix = prefix
        self.dtype = dtype
        self.lengths: list[int] = []
        self.tokens = 0
        self._largest = np.iinfo(dtype).max
        self._bin = bin_path(prefix).open("wb", buffering=_BUFFER)

    def add(self, ids: np.ndarray) -> None:
        """Appends one document; integer[tokens]. Raises ValueError for an id the token type cannot hold."""
        if ids.size > _LONGEST:
            raise ValueError(f"a document of {ids.size:,} tokens; the format holds at most {_LONGEST:,}")
        if ids.size and ids.view(f"u{ids.itemsize}").max() > self._largest:  # a negative id is a large one
            raise ValueError(f"token ids {ids.min()} ... {ids.max()} do not fit in {self.dtype.name}")
        self._bin.write(np.ascontiguousarray(ids, self.dtype).data)
        self.lengths.append(ids.size)
        self.tokens += ids.size

    def close(self) -> None:
        """Writes what waits, and then the index."""
        self._bin.close()
        idx_path(self.prefix).write_bytes(index_of(np.array(self.lengths, dtype="<i4"), self.dtype))

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._bin.close()


class Shard:
    """One shard, memory-mapped: nothing is read before it is asked for.

    lengths    int32[sequences]    tokens of each sequence
    starts     int64[sequences]    first token of each sequence, counted in tokens
    documents  int64[documents+1]  first sequence of each document, then the number of sequences
    tokens     [all tokens]        uint16 or int32, read-only
    """

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        index = np.memmap(_existing(idx_path(prefix)), mode="r", dtype=np.uint8)
        self.dtype, sequences, documents = read_header(index[: HEADER.size].tobytes(), index.size, idx_path(prefix))
        at = HEADER.size
        self.lengths = np.frombuffer(index, "<i4", sequences, at)
        offsets = np.frombuffer(index, "<i8", sequences, at + 4 * sequences)
        self.documents = np.frombuffer(index, "<i8", documents, at + 12 * sequences)
        self.starts = offsets // self.dtype.itemsize
        needed = int(self.lengths.sum(dtype=np.int64)) * self.dtype.itemsize
        held = _existing(bin_path(prefix)).stat().st_size
        if held != needed:
            raise _damaged(bin_path(prefix), f"has {held:,} bytes; its index counts {needed:,}")
        self.tokens: np.ndarray = (
            np.memmap(bin_path(prefix), mode="r", dtype=self.dtype) if held else np.empty(0, self.dtype)
        )

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, sequence: int) -> np.ndarray:
        start = self.starts[sequence]
        return self.tokens[start : start + self.lengths[sequence]]


def read_header(head: bytes, size: int, path: Path | str) -> tuple[np.dtype[Any], int, int]:
    """Token type, sequences and document indices of an index of `size` bytes that begins with `head`; else DataError."""
    if len(head) < HEADER.size:
        raise _damaged(path, f"has {len(head)} bytes, less than its header")
    magic, version, code, sequences, documents = HEADER.unpack(head)
    if magic != _MAGIC or version != 1 or code not in _CODES:
        found = f"found {magic!r}, version {version}, type {code}"
        raise _damaged(path, f"is no Megatron index of version 1 ({found})")
    expected = HEADER.size + 12 * sequences + 8 * documents
    if size not in (expected, expected + sequences):  # + modes, in multimodal data
        raise _damaged(path, f"has {size:,} bytes; {sequences:,} sequences need {expected:,}")
    return _CODES[code], sequences, documents


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise _damaged(path, "is missing")
    return path


def _damaged(path: Path | str, what: str) -> DataError:
    return DataError(f"{path} {what}; the shard is damaged: remove its folder and prepare the data again")
