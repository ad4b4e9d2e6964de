"""What W&B already holds, read from its own .wandb files.

The format is that of LevelDB's log (https://github.com/google/leveldb/blob/main/doc/log_format.md) behind a
7-byte header: blocks of 32 KiB, in them chunks of checksum, length, type and data, a record being one or
more chunks of protobuf. The wandb package writes these files with a program of its own and no longer
carries a reader in Python.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_HEADER = 7
_BLOCK = 32 * 1024
_CHUNK = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def records(path: Path) -> Iterator[bytes]:
    """The complete records of a .wandb file; a torn end, which a kill leaves, ends the reading."""
    data = path.read_bytes()
    position, parts = _HEADER, bytearray()
    while position + _CHUNK.size <= len(data):
        left = _BLOCK - position % _BLOCK
        if left < _CHUNK.size:
            position += left
            continue
        _, length, kind = _CHUNK.unpack_from(data, position)
        position += _CHUNK.size
        if kind not in (_FULL, _FIRST, _MIDDLE, _LAST) or position + length > len(data):
            return
        parts = parts + data[position : position + length] if kind in (_MIDDLE, _LAST) else bytearray(data[position : position + length])
        position += length
        if kind in (_FULL, _LAST):
            yield bytes(parts)


def history(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(step, {name: value as JSON}) of every history record of a .wandb file."""
    from wandb.proto import wandb_internal_pb2 as messages

    for data in records(path):
        record: Any = messages.Record()  # type: ignore[attr-defined]
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            values = {item.key or "/".join(item.nested_key): item.value_json for item in record.history.item}
            yield int(values.get("_step", record.history.step.num)), values
