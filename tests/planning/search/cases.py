"""Runs that are small enough to estimate every layout of."""

from __future__ import annotations

from typing import Any

from orchestrator.planning.choose import resolve
from orchestrator.planning.hardware import hardware_of
from orchestrator.planning.rules import case_of
from orchestrator.planning.search import Judge, Space
from orchestrator.spec import ClusterSpec
from tests.planning.models import MIXTRAL, SMALL, gpus, page

AUTO = "auto"
GROUPS = {**SMALL, "heads": 12, "hidden": 768, "kv_heads": 4}
EXPERTS = {**MIXTRAL, "layers": 3, "hidden": 512, "heads": 4, "kv_heads": 4, "size": 1024, "vocab": 1000, "experts": 4}
WIDE = {"layers": 6, "hidden": 4096, "heads": 8, "size": 16384, "vocab": 32_000}


def space(
    model: dict[str, Any], cluster: ClusterSpec, said: Any = AUTO, *, exactly: bool = False, length: int = 2048, **training: Any
) -> tuple[Space, Judge]:
    """The layouts of a run on a cluster, and what estimates them."""
    spec = page(model, said, length=length, **training)
    architecture, hardware = spec.model.architecture(), hardware_of(cluster)
    devices = cluster.nodes * (cluster.node.count or 1)
    start = resolve(spec, architecture, devices)
    case = case_of(spec, architecture, start, hardware.device, devices, hardware.per_node)
    return Space(case, exactly=exactly), Judge(spec, architecture, hardware)


def batch(sequences: int, **more: Any) -> dict[str, Any]:
    return {"batch": {"sequences": sequences, **more}}


RAMP = batch(24, ramp_up={"start": 8, "step": 4, "samples": 1000})
SPACES: dict[str, dict[str, Any]] = {
    "dense on 4": {"model": SMALL, "cluster": gpus(1, 4), **batch(4)},
    "dense on 2 x 2": {"model": SMALL, "cluster": gpus(2, 2), **batch(6)},
    "grouped queries on 3": {"model": GROUPS, "cluster": gpus(1, 3), **batch(12)},
    "a ramp-up on 4": {"model": SMALL, "cluster": gpus(1, 4), **RAMP},
    "experts on 4": {"model": EXPERTS, "cluster": gpus(1, 4), **batch(2)},
    "experts on 2 x 2": {"model": EXPERTS, "cluster": gpus(2, 2), **batch(2)},
    "a model too large for one": {"model": {**WIDE, "layers": 14}, "cluster": gpus(1, 4, "A100-40GB"), **batch(4)},
    "long sequences on 4": {"model": SMALL, "cluster": gpus(1, 4), "length": 16384, **batch(2)},
    "adafactor on 4": {"model": SMALL, "cluster": gpus(1, 4), "optimizer": {"name": "adafactor", "lr": 1e-3}, **batch(8)},
    "every device": {"model": SMALL, "cluster": gpus(2, 2), "exactly": True, **batch(8)},
    "tensor said": {"model": SMALL, "cluster": gpus(2, 4), "said": {"tensor": 2, "pipeline": "auto", "recompute": "auto"}, **batch(8)},
}
