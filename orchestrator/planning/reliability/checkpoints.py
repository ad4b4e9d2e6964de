"""Bytes of a checkpoint, and the seconds that writing and reading it take.

Published sizes differ because they hold different things. A checkpoint of this project holds the fp32 weights and
the optimizer's moments, and no bf16 copy, which is rounded from them on loading; Megatron-DeepSpeed's holds both.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Bytes per parameter of what a checkpoint holds."""

    copies: int
    """Weights in the precision of computing, where they are stored beside the masters."""
    masters: int
    moments: int

    @property
    def total(self) -> int:
        return self.copies + self.masters + self.moments


MEGATRON_DEEPSPEED = Contents(copies=2, masters=4, moments=8)
"""BLOOM: 'fp32 optim states and bf16+fp32 weights', 14 bytes: 2295 GiB of 176e9 parameters (train/tr11-176B-ml/README.md)."""


def contents_of(optimizer: str) -> Contents:
    """What this project's checkpoints hold (training/checkpoint), whatever the precision of computing.

    Adafactor's moments are a row and a column of each matrix, which is nothing beside it (Shazeer and Stern 2018).
    """
    return Contents(copies=0, masters=4, moments=0 if optimizer == "adafactor" else 8)


def checkpoint_bytes(parameters: int, contents: Contents) -> int:
    """Bytes of one checkpoint, the same under every layout."""
    return parameters * contents.total


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Bytes per second towards storage: what one node reaches, and what all of the job's nodes reach together."""

    node_write: float
    node_read: float
    write: float
    read: float

    def save_s(self, size: int, nodes: int) -> float:
        """Seconds to write a checkpoint that `nodes` share out evenly."""
        return size / min(self.write, nodes * self.node_write)

    def load_s(self, size: int, nodes: int, copies: int = 1) -> float:
        """Seconds to read one, `copies` times where each data-parallel replica reads all of it."""
        return size * copies / min(self.read, nodes * self.node_read)


@dataclass(frozen=True, kw_only=True)
class Save:
    """One save: seconds that training stops, and seconds after that until the checkpoint counts."""

    stall_s: float
    persist_s: float = 0.0


def blocking(size: int, storage: Storage, nodes: int) -> Save:
    """Training waits until the checkpoint is on disk, as this project's loop does."""
    return Save(stall_s=storage.save_s(size, nodes))


def asynchronous(size: int, storage: Storage, nodes: int, node_copy: float) -> Save:
    """Training waits for a copy to host memory at `node_copy` bytes per second and node; the rest goes on behind it.

    The stall is all that it costs; but a failure loses what came after the last checkpoint that is on disk.
    """
    return Save(stall_s=size / (nodes * node_copy), persist_s=storage.save_s(size, nodes))
