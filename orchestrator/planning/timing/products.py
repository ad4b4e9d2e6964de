"""Matrix products: what tiles, waves and memory leave of a device's peak.

A product of m x n is cut into tiles, and tiles are dealt to processors in waves; the last wave takes as long as a full
one. So cutting a matrix in two rarely halves its time, and layouts differ by it. Times here are those of a device that
reaches its data sheet's numbers; `seconds` scales them by what it does reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from orchestrator.planning.calibration import ALIGNMENT, KERNEL_S, TILE_FILL, TILES, UNALIGNED, Calibration


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What multiplies: peak FLOP/s, processors, bytes per second of memory; bytes of an operand and of a result."""

    peak: float
    sms: int
    bandwidth: float
    operand: int = 2
    result: int = 2


@dataclass(frozen=True, slots=True)
class Product:
    """Seconds of one product at full efficiency: of its multiplications in tiles, and of its bytes."""

    tiled: float
    moved: float
    times: int = 1


def seconds(products: tuple[Product, ...], known: Calibration) -> float:
    """Products one after the other at the efficiencies that were measured."""
    matmul, memory = known.matmul_efficiency, known.memory_efficiency
    return sum(each.times * (max(each.tiled / matmul, each.moved / memory) + KERNEL_S) for each in products)


@lru_cache(maxsize=100_000)
def product(m: int, n: int, k: int, unit: Unit, *, batch: int = 1, aligned: int = 0, accumulates: bool = False) -> Product:
    """[m, k] x [k, n], `batch` times at once.

    aligned: the narrowest row in elements where it is neither n nor k. accumulates: the result is added to an fp32 buffer.
    """
    rows = aligned or min(_multiple(n), _multiple(k))
    flops = 2.0 * batch * m * n * k
    if unit.sms == 1:
        tiled = flops / unit.peak
    else:
        tiled = min(_waves(m, n, k, batch, tile, unit) for tile in TILES) / _speed(rows * unit.operand // 2)
    written = 8 if accumulates else unit.result
    moved = batch * (unit.operand * (m * k + k * n) + written * m * n) / unit.bandwidth
    return Product(tiled, moved)


def _waves(m: int, n: int, k: int, batch: int, tile: tuple[int, int, float], unit: Unit) -> float:
    """Seconds of all waves; few tiles with a long k are cut along k as well."""
    high, wide, speed = tile
    tiles = batch * -(-m // high) * -(-n // wide)
    one = 2.0 * high * wide / (unit.peak / unit.sms * speed)
    cut = max(1, min(unit.sms // tiles, k // 1024)) if tiles < unit.sms else 1
    waves = -(-tiles * cut // unit.sms)
    return waves * one * (k / cut + TILE_FILL)


def _multiple(size: int) -> int:
    """The largest power of two in a size."""
    return size & -size


def _speed(rows: int) -> float:
    even = _multiple(rows)
    return next((speed for multiple, speed in ALIGNMENT if even >= multiple), UNALIGNED)
