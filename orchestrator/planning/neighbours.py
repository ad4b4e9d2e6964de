"""The nearest legal layout to an illegal one: what to write instead, found by trying and not by advice.

Advice written beside a rule knows that rule alone, and following it broke the next one. Here a few keys of
`parallelism` are changed at a time, nearest first, until the whole planner accepts: every rule, and memory.

Near means few keys changed, then the same engine, then small ratios of degrees.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from orchestrator.architecture.stack import Architecture
from orchestrator.errors import PlanError, Problem
from orchestrator.planning.capabilities import CAPABILITIES
from orchestrator.planning.choose import choose_layout, resolve
from orchestrator.planning.hardware import Hardware
from orchestrator.planning.layout import Layout
from orchestrator.planning.rules import Case, batch_sizes_gcd, breaks_no_rule, case_of, divisors
from orchestrator.spec.run import RunSpec

Changes = Mapping[str, Any]

MOST_CHANGES = 3
MOST_PLANNED = 60
"""Layouts that break no rule and are planned to see whether they fit: a refusal still comes at once."""
_VALUES_PER_KEY = (8, 6, 3)
"""How many values of a key are tried where one, two and three keys change."""


def with_nearest(
    error: PlanError, spec: RunSpec[Any], architecture: Architecture, hardware: Hardware, devices: int
) -> PlanError:
    """The same error, its last problem's fix ending with the nearest legal layout where there is one near."""
    *others, last = error.problems
    within_reach = all(problem.path.startswith(("parallelism", "training.batch")) for problem in error.problems)
    if not within_reach or "it fits " in last.fix:
        return error
    changes = nearest(spec, architecture, hardware, devices)
    if changes is None:
        return error
    fix = f"{last.fix}; nearest legal layout: {as_page(changes)}, or SET=\"{as_overrides(changes)}\""
    return PlanError([*others, replace(last, fix=fix)])


def nearest(
    spec: RunSpec[Any], architecture: Architecture, hardware: Hardware, devices: int
) -> Changes | None:
    """The changes to `parallelism` that make a plan of what was said; None where no few changes do."""
    if 4 * architecture.parameters > devices * hardware.device.memory:
        return None  # not even the gradients fit on all devices together, however they are cut
    start = resolve(spec, architecture, devices)
    case = case_of(spec, architecture, start, hardware.device, devices, hardware.per_node)
    domains = {key: _near(key, values, start) for key, values in _domains(case).items()}
    legal = (changes for changes in _ordered(domains) if _breaks_no_rule(_changed(spec, changes), case))
    for changes in itertools.islice(legal, MOST_PLANNED):
        if _is_planned(_changed(spec, changes), case, hardware):
            return changes
    return None


def as_page(changes: Changes) -> str:
    """`parallelism: {tensor: 4, pipeline: 2}`."""
    return f"parallelism: {{{', '.join(f'{key}: {_word(value)}' for key, value in changes.items())}}}"


def as_overrides(changes: Changes) -> str:
    """`parallelism.tensor=4 parallelism.pipeline=2`, as SET takes it."""
    return " ".join(f"parallelism.{key}={_word(value)}" for key, value in changes.items())


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _changed(spec: RunSpec[Any], changes: Changes) -> RunSpec[Any]:
    return spec.model_copy(update={"parallelism": spec.parallelism.model_copy(update=dict(changes))})


def _breaks_no_rule(spec: RunSpec[Any], case: Case) -> bool:
    return breaks_no_rule(replace(case, spec=spec, layout=resolve(spec, case.architecture, case.devices)))


def _is_planned(spec: RunSpec[Any], case: Case, hardware: Hardware) -> bool:
    try:
        choose_layout(spec, case.architecture, hardware, case.devices)
    except PlanError:
        return False
    return True


def _domains(case: Case) -> dict[str, list[Any]]:
    """Values of each key that could be part of a legal layout, the present one left out. What is `auto` and chosen to be
    legal anyway has none."""
    said, start = case.spec.parallelism, case.layout
    common = batch_sizes_gcd(case.spec)
    heads = math.gcd(*(block.attention.heads for block in case.blocks))
    experts = math.gcd(*(part.router.experts for part in case.mixtures)) if case.mixtures else 1
    layers = len(case.architecture.blocks)
    domains: dict[str, list[Any]] = {
        "tensor": divisors(heads, at_most=min(case.per_node, case.devices)),
        "pipeline": [count for count in range(1, min(layers, case.devices) + 1) if count <= 16 or case.devices % count == 0],
        "virtual": list(range(1, max(1, layers // start.pipeline) + 1)),
        "context": divisors(heads, at_most=case.devices),
        "expert": divisors(experts, at_most=case.devices),
        "expert_tensor": divisors(case.per_node, at_most=64) if case.mixtures else [1] if said.expert_tensor else [],
        "data": divisors(common, at_most=case.devices) if said.data else [],
        "micro_batch": divisors(common, at_most=4 * start.micro_batch) if said.micro_batch else [],
        "sequence_parallel": [False, True] if said.sequence_parallel is not None else [],
        "zero": sorted(case.able.zero_stages) if said.zero is not None else [],
        "offload": ["none"],
        "recompute": sorted(case.able.recompute - {"full"}) if start.recompute not in case.able.recompute else ["full"],
        "engine": [name for name in CAPABILITIES if name != "reference"],
    }
    return {key: [value for value in values if value != getattr(start, key)] for key, values in domains.items()}


def _near(key: str, values: list[Any], start: Layout) -> list[tuple[float, Any]]:
    """(distance, value), nearest first; of two as near, the larger, since nothing is left idle by it."""
    now = getattr(start, key)
    by_distance = [(_distance(key, value, now), value) for value in values]
    return sorted(by_distance, key=lambda pair: (pair[0], not isinstance(pair[1], int) or -pair[1]))


def _distance(key: str, value: Any, now: Any) -> float:
    if key == "engine":
        return 100.0
    if key == "zero" or not isinstance(value, int) or isinstance(value, bool):
        return 1.0
    return abs(math.log2(value / now))


def _ordered(domains: Mapping[str, list[tuple[float, Any]]]) -> Iterator[Changes]:
    """All changes, nearest first: of one key, then two, then three; another engine after all that keep it."""
    for size, most in zip(range(1, MOST_CHANGES + 1), _VALUES_PER_KEY, strict=True):
        found: list[tuple[float, Changes]] = []
        # The axis left out altogether is always among the values: it is what an engine that lacks the axis needs.
        tried = {key: [*near[:most], *(pair for pair in near[most:] if pair[1] == 1)] for key, near in domains.items()}
        for keys in itertools.combinations(domains, size):
            for chosen in itertools.product(*(tried[key] for key in keys)):
                values = dict(zip(keys, (value for _, value in chosen), strict=True))
                found.append((sum(distance for distance, _ in chosen), values))
        yield from (changes for _, changes in sorted(found, key=lambda pair: pair[0]))
