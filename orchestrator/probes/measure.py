"""All probes in order, on every worker at once: what a device does while its neighbours work is what a run gets."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Any

import torch

from orchestrator.probes.arrivals import arrivals
from orchestrator.probes.attention import attention_flops
from orchestrator.probes.exchanges import exchanges
from orchestrator.probes.findings import Findings, Product
from orchestrator.probes.footprint import slack
from orchestrator.probes.launches import launch_s
from orchestrator.probes.products import products
from orchestrator.probes.ranks import Ranks
from orchestrator.probes.streams import copied, streamed

TURNS = 3


def measure(ranks: Ranks, *, cores: int | None = None, turns: int = TURNS) -> Findings:
    """Collective. `cores`: of a node, for workers on the CPU: as many of them compute as there are cores.

    Everything is measured `turns` times, one probe after the other, so that what else a machine does falls on all;
    the median of turns and workers is kept.
    """
    busy = _busy(ranks, cores)
    told: list[dict[str, Any]] = []
    for _ in range(turns):
        ranks.barrier()
        if ranks.rank in busy:
            told.append(_one_turn(ranks.device))
        ranks.barrier()
    alone = [turn for each in ranks.gathered(told) for turn in each]
    moved = _medians([found for _ in range(turns) for found in (*exchanges(ranks, cores=cores), *arrivals(ranks, cores))])
    every = [found for each in ranks.gathered(moved) for found in each]
    rates = {name: statistics.median(turn[name] for turn in alone) for name in ("attention_flops", "copied", "streamed", "launch_s", "slack")}
    return Findings(
        device=ranks.device.type, name=_name(ranks.device), software=f"torch {torch.__version__}",
        products=_products([turn["products"] for turn in alone]), exchanges=tuple(_medians(every)), **rates,
    )  # fmt: skip


def _busy(ranks: Ranks, cores: int | None) -> set[int]:
    """Ranks that compute: all, or one for each core of a node."""
    return {rank for node in ranks.together for rank in node[: cores or len(node)]}


def _one_turn(device: torch.device) -> dict[str, Any]:
    return {
        "products": products(device), "attention_flops": attention_flops(device), "copied": copied(device),
        "streamed": streamed(device), "launch_s": launch_s(device), "slack": slack(device) if device.type == "cuda" else 0.0,
    }  # fmt: skip


def _products(turns: list[list[Product]]) -> tuple[Product, ...]:
    """The median over turns and workers, size by size."""
    return tuple(replace(same[0], seconds=statistics.median(each.seconds for each in same)) for same in zip(*turns, strict=True))


def _medians(found: list[Any]) -> list[Any]:
    """The median seconds of exchanges that differ in nothing else."""
    alike: dict[Any, list[float]] = {}
    for each in found:
        alike.setdefault(replace(each, seconds=0.0), []).append(each.seconds)
    return [replace(each, seconds=statistics.median(seconds)) for each, seconds in alike.items()]


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
