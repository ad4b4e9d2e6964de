"""Findings -> the constants of planning/calibration.py, each the ratio of what was measured to what the planner computes.

A constant is right only for the formula that it corrects. So products are held against the planner's own tiles and waves,
exchanges against its own volumes, memory against its own counts. Where a data sheet knows the device, its numbers stay
and efficiencies are written; where none does (a CPU's cores), what was measured is the peak. No torch here.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from orchestrator.planning.calibration import KERNEL_S
from orchestrator.planning.hardware import Hardware
from orchestrator.planning.memory.rank import COMMUNICATOR_BYTES
from orchestrator.planning.timing.collectives import along, rounds
from orchestrator.planning.timing.products import Unit, product
from orchestrator.probes.findings import Exchanged, Findings

ARRIVAL = "arrival"
LARGE = 2.0 * 4096 * 4096 * 2048
"""FLOPs from which a product tells a GPU's efficiency: smaller ones are the tiles' and the host's."""


def constants(found: Findings, hardware: Hardware) -> dict[str, Any]:
    """What a cluster page's `calibration` says, in its units, rounded to what measurements can tell."""
    said = _cores(found) if found.device == "cpu" else _accelerator(found, hardware)
    said["launch_overhead_us"] = round(found.launch_s * 1e6, 2)
    said |= _links(found, hardware)
    if found.resident:
        said["framework_bytes"] = f"{round(max(0, found.resident - _communicators(found) * COMMUNICATOR_BYTES) / 1e6)}MB"
    if found.slack:
        said["fragmentation"] = round(min(0.5, found.slack), 3)
    if found.costs:
        said["host"] = {
            name: {"step_us": round(cost.step_us), "pass_us": round(cost.pass_us), "block_us": round(cost.block_us)}
            for name, cost in sorted(found.costs.items())
        }
    return said


def _communicators(found: Findings) -> int:
    """NCCL groups that a worker was in when it was asked what it holds: all of the gang, and one for each size and place that
    exchanges were measured in. The planner counts those of a run by themselves (memory/rank.py)."""
    groups = {(each.near, each.ranks, each.crowd) for each in found.exchanges if each.kind == "all_reduce"}
    return 1 + len(groups) if groups and found.device == "cuda" else 0


def _cores(found: Findings) -> dict[str, Any]:
    """Of one core, while all are at work."""
    rates = [each.flops for each in found.products]
    peak, streams = max(rates), max(found.copied, found.streamed)
    return {
        "peak_tflops": {"fp32": _rounded(peak / 1e12)},
        "matmul_efficiency": _fraction(statistics.median(rates) / peak),
        "attention_efficiency": _fraction(found.attention_flops / peak),
        "memory_bandwidth": f"{_rounded(streams / 1e9)}GB",
        "memory_efficiency": _fraction(found.streamed / streams),
    }


def _accelerator(found: Findings, hardware: Hardware) -> dict[str, Any]:
    """Fractions of a data sheet's numbers."""
    device = hardware.device
    wide = [each for each in found.products if each.precision == "bf16" and each.flops * each.seconds >= LARGE]
    unit = Unit(peak=device.peak_at("bf16"), sms=device.sms, bandwidth=device.memory_bandwidth)
    reached = [product(each.m, each.n, each.k, unit).tiled / max(1e-9, each.seconds - KERNEL_S) for each in wide]
    return {
        "matmul_efficiency": _fraction(statistics.median(reached)),
        "attention_efficiency": _fraction(found.attention_flops / device.peak_at("bf16")),
        "memory_efficiency": _fraction(found.streamed / device.memory_bandwidth),
    }


def _links(found: Findings, hardware: Hardware) -> dict[str, Any]:
    """Latency and bandwidth of all-reduces, inside a node and between nodes."""
    said: dict[str, Any] = {}
    alone = [each for each in found.exchanges if each.kind == "all_reduce" and each.crowd == 1.0]
    near, far = ([each for each in alone if each.near is side] for side in (True, False))
    if near:
        latency, bandwidths = _line(near, lambda ranks: ranks if found.device == "cpu" else along(ranks))
        latency = _arrival(found.exchanges, crowded=False) or latency
        best = max(bandwidths)
        if found.device == "cpu":
            said["link_bandwidth"] = f"{_rounded(best / 1e6)}MB"
        sheet = best if found.device == "cpu" else hardware.link_bandwidth or best
        said |= {"link_efficiency": _fraction(statistics.median(bandwidths) / sheet), "link_latency_us": _rounded(latency * 1e6)}
        crowded = _arrival(found.exchanges, crowded=True)
        said |= {"turn_us": _rounded(max(0.0, crowded - latency) * 1e6)} if crowded else {}
    if far:
        latency, bandwidths = _line(far, rounds)
        share = hardware.network_bandwidth or max(bandwidths)
        said["network_efficiency"] = _fraction(statistics.median(bandwidths) / share)
        said["network_latency_us"] = _rounded(latency * 1e6)
    return said


def _line(found: Iterable[Exchanged], steps: Callable[[int], float]) -> tuple[float, list[float]]:
    """Seconds of latency for each of the steps that so many ranks take, and bytes per second for each number of ranks: by the smallest and the largest buffer."""
    latencies, bandwidths = [], []
    for ranks in sorted({each.ranks for each in found}):
        same = sorted((each for each in found if each.ranks == ranks), key=lambda each: each.moved)
        small, large = same[0], same[-1]
        latencies.append(small.seconds / steps(ranks))
        moved = 2 * (ranks - 1) / ranks * (large.moved - small.moved)
        bandwidths.append(moved / max(1e-9, large.seconds - small.seconds))
    return statistics.median(latencies), bandwidths


def _arrival(found: Sequence[Exchanged], *, crowded: bool) -> float:
    """Seconds per rank of a collective between pieces of computing, with cores to a worker or without; 0 if not measured."""
    waited = [each.seconds / each.ranks for each in found if each.kind == ARRIVAL and (each.crowd > 1) is crowded]
    return statistics.median(waited) if waited else 0.0


def _fraction(value: float) -> float:
    return round(min(1.0, value), 3)


def _rounded(value: float) -> float:
    """Three significant digits."""
    return float(f"{value:.3g}")
