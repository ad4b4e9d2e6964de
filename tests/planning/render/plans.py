"""Plans of pages that ship, on clusters that ship, made once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from orchestrator.planning import Plan, make_plan
from orchestrator.spec import load_cluster, load_run

ROOT = Path(__file__).resolve().parents[3]
PAIRS = {
    "bloom": ("bloom/176b", "bloom-48xa100-80", ""),
    "llama-one-node": ("llama/7b", "one-node-h100", ""),
    "neox": ("gpt_neox/20b", "neox-12xa100-40", ""),
    "mixtral": ("mixtral/8x7b", "llama-2048xa100", ""),
    "llama-searched": ("llama/1b", "cloud-4xa100-40", "parallelism=auto"),
}
"""Run page, cluster page, overrides. The first three are the golden screens."""


@cache
def shipped(name: str) -> Plan:
    """The plan of a pair."""
    spec, cluster, overrides = PAIRS[name]
    loaded = load_run(ROOT / f"model_specs/{spec}.yaml", overrides)
    return make_plan(loaded.spec, load_cluster(ROOT / f"cluster/{cluster}.yaml").spec)


def title(name: str) -> str:
    """As the command line says it."""
    spec, cluster, _ = PAIRS[name]
    return f"model_specs/{spec}.yaml on cluster/{cluster}.yaml"
