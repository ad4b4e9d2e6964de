"""What was found, as data that can be kept, read again and fitted to. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Product:
    """Seconds of [m, k] x [k, n], the median over workers that all multiply at once."""

    m: int
    n: int
    k: int
    precision: str
    seconds: float

    @property
    def flops(self) -> float:
        """Per second."""
        return 2.0 * self.m * self.n * self.k / self.seconds


@dataclass(frozen=True, kw_only=True)
class Exchanged:
    """Seconds of one collective of `moved` bytes (the whole buffer) among `ranks`, `crowd` workers to a core.

    near: inside one node; otherwise one rank on each node.
    """

    kind: str
    ranks: int
    moved: int
    seconds: float
    near: bool = True
    crowd: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Microseconds of an engine's Python: per step, per micro-batch, per block of a micro-batch."""

    step_us: float
    pass_us: float
    block_us: float


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Of one gang. Rates in FLOP/s and bytes per second of one device; sizes in bytes."""

    device: str
    """`cpu` or `cuda`."""
    name: str
    software: str
    products: tuple[Product, ...] = ()
    attention_flops: float = 0.0
    """Forward FLOP/s, the masked half not counted."""
    copied: float = 0.0
    """Bytes per second of a copy, read and written."""
    streamed: float = 0.0
    """Bytes per second of a block's memory-bound operations, counted as the planner counts them."""
    launch_s: float = 0.0
    exchanges: tuple[Exchanged, ...] = ()
    resident: int = 0
    """Bytes of a worker before a model."""
    slack: float = 0.0
    costs: Mapping[str, Cost] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def findings_from(data: Mapping[str, Any]) -> Findings:
    """What `as_dict` gave."""
    return Findings(**{
        **data,
        "products": tuple(Product(**each) for each in data["products"]),
        "exchanges": tuple(Exchanged(**each) for each in data["exchanges"]),
        "costs": {name: Cost(**each) for name, each in data["costs"].items()},
    })  # fmt: skip
