"""Plans for tests: the real planner on pages small enough to train in milliseconds."""

from __future__ import annotations

from typing import Any

from orchestrator.planning import Plan, make_plan
from orchestrator.registry import FAMILIES
from orchestrator.spec.cluster import ClusterSpec
from orchestrator.spec.load import run_spec_of

TINY: dict[str, Any] = {
    "model": {
        "family": "llama", "layers": 2, "hidden_size": 48, "heads": 4, "kv_heads": 2, "ffn_size": 112,
        "vocab_size": 256, "max_positions": 64,
    },
    "data": {"mixture": "python", "sequence_length": 32},
    "training": {
        "batch": {"sequences": 8}, "steps": 20, "precision": "fp32", "seed": 7,
        "optimizer": {"name": "adamw", "lr": 3e-3, "weight_decay": 0.1, "clip_norm": 1.0},
        "schedule": {"name": "constant"},
    },
    "parallelism": {"engine": "reference", "micro_batch": 2},
}  # fmt: skip

MODELS: dict[str, dict[str, Any]] = {
    "llama": TINY["model"],
    "gpt_neox": {
        "family": "gpt_neox", "layers": 2, "hidden_size": 64, "heads": 4, "ffn_size": 128, "vocab_size": 256, "max_positions": 64,
    },
    # 257 rows, which no tensor degree divides, are rounded up to 260: for some degrees that is not enough either.
    "bloom": {
        "family": "bloom", "layers": 2, "hidden_size": 48, "heads": 4, "vocab_size": 257, "vocab_multiple": 5, "max_positions": 64,
    },
    "mixtral": {
        "family": "mixtral", "layers": 2, "hidden_size": 48, "heads": 4, "kv_heads": 2, "ffn_size": 64, "vocab_size": 256,
        "max_positions": 64, "experts": 4, "experts_per_token": 2, "balance_loss": 0.05, "router_z_loss": 0.001,
    },
}  # fmt: skip
"""A model of every family, with the smallest sizes that two tensor ranks and two query groups can share out."""


def tiny_plan(*, world_size: int = 1, family: str = "llama", **sections: dict[str, Any]) -> Plan:
    """A plan of `TINY` with some keys of its sections replaced, for `world_size` CPU ranks.

    The family may also be named in the section `model`.
    """
    family = sections.get("model", {}).get("family", family)
    base = {**TINY, "model": MODELS[family]}
    page = {name: {**base.get(name, {}), **sections.get(name, {})} for name in {**base, **sections}}
    cluster = ClusterSpec.model_validate(
        {"nodes": 1, "node": {"accelerator": "cpu", "count": world_size, "memory": "8GiB"}}
    )
    return make_plan(run_spec_of(FAMILIES.get(family)).model_validate(page), cluster, world_size)
