"""Plans for tests: the real planner on a page small enough to train in milliseconds."""

from __future__ import annotations

from typing import Any

from orchestrator.planning import Plan, make_plan
from orchestrator.registry import FAMILIES
from orchestrator.spec.cluster import ClusterSpec
from orchestrator.spec.run import RunSpec

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


def tiny_plan(*, world_size: int = 1, **sections: dict[str, Any]) -> Plan:
    """A plan of `TINY` with some keys of its sections replaced, for `world_size` CPU ranks.

    Another `model.family` takes over the sizes that it has a key for.
    """
    page = {name: {**TINY.get(name, {}), **sections.get(name, {})} for name in {**TINY, **sections}}
    family = FAMILIES.get(page["model"]["family"])
    said = sections.get("model", {})
    page["model"] = {key: value for key, value in page["model"].items() if key in said or key in family.model_fields}
    cluster = ClusterSpec.model_validate(
        {"nodes": 1, "node": {"accelerator": "cpu", "count": world_size, "memory": "8GiB"}}
    )
    return make_plan(RunSpec[family].model_validate(page), cluster, world_size)
