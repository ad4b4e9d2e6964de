"""The nearest legal layout to an illegal one: what to write instead, found by trying and not by advice.

Advice written beside a rule knows that rule alone, and following it broke the next one. Here a few keys of
`parallelism` are changed at a time, nearest first, until the whole planner accepts: every rule, and memory.

What no layout holds is answered with what would: offload, or so many nodes.

Near means few keys changed, then the same engine, then small ratios of degrees.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from orchestrator.architecture.stack import Architecture
from orchestrator.errors import PlanError
from orchestrator.planning.capabilities import CAPABILITIES
from orchestrator.planning.choose import choose_layout, most_memory, resolve
from orchestrator.planning.hardware import Hardware
from orchestrator.planning.layout import Layout
from orchestrator.planning.rules import Case, batch_sizes_gcd, breaks_no_rule, case_of, divisors
from orchestrator.spec.run import Parallelism, RunSpec
from orchestrator.units import format_bytes

Changes = Mapping[str, Any]

MOST_CHANGES = 3
MOST_DOUBLINGS = 6
"""How often the nodes are doubled to find how many hold a run."""
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
    searched = bool(spec.parallelism.open) and hardware.device.kind != "cpu"
    changes = None if searched else nearest(spec, architecture, hardware, devices)
    if changes is None and last.message.startswith("does not fit"):
        ways = what_holds_it(spec, architecture, hardware, devices)
        fix = f"it fits {', or '.join(ways)}" if ways else last.fix
        return PlanError([*others, replace(last, fix=fix)])
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


def what_holds_it(spec: RunSpec[Any], architecture: Architecture, hardware: Hardware, devices: int) -> list[str]:
    """Ways to hold what these devices cannot: the host's memory, and the fewest nodes; each tried, in words."""
    ways = []
    offloaded = None if hardware.device.kind == "cpu" else _offloaded(spec, architecture, hardware, devices)
    if offloaded is not None:
        host = "" if hardware.host_memory else f" ({format_bytes(offloaded[1])} of a node's own memory)"
        ways.append(f"with {as_page(offloaded[0])}{host}")
    nodes = _fewest_nodes(spec, architecture, hardware, devices)
    if nodes is not None:
        ways.append(f"on {nodes} nodes of {hardware.per_node}")
    return ways


def _offloaded(spec: RunSpec[Any], architecture: Architecture, hardware: Hardware, devices: int) -> tuple[Changes, int] | None:
    """Keys of a layout that keeps the optimizer, or all parameters, in host memory, and what that takes on a node."""
    for offload in ("optimizer", "parameters"):
        try:
            layout, _ = choose_layout(_changed(spec, {"offload": offload}), architecture, hardware, devices)
        except PlanError:
            continue
        changes = {"zero": layout.zero, "recompute": layout.recompute, "offload": offload}
        if layout.world_size == layout.data and _holds(_said(spec, changes), architecture, hardware, devices):
            host = most_memory(layout, spec, architecture, hardware).host
            return changes, host * min(hardware.per_node, layout.world_size)
    return None


def _fewest_nodes(spec: RunSpec[Any], architecture: Architecture, hardware: Hardware, devices: int) -> int | None:
    """The fewest nodes of the same kind that hold the run as it is said, or nearly so."""
    now = -(-devices // hardware.per_node)

    def holds(nodes: int) -> bool:
        return _holds(spec, architecture, hardware, nodes * hardware.per_node)

    enough = next((now * 2**power for power in range(1, MOST_DOUBLINGS + 1) if holds(now * 2**power)), None)
    if enough is None:
        return None
    below = enough // 2
    while enough - below > max(1, enough // 8):
        middle = (below + enough) // 2
        below, enough = (below, middle) if holds(middle) else (middle, enough)
    return enough


def _holds(spec: RunSpec[Any], architecture: Architecture, hardware: Hardware, devices: int) -> bool:
    try:
        choose_layout(spec, architecture, hardware, devices)
    except PlanError:
        return False
    return True


def _said(spec: RunSpec[Any], changes: Changes) -> RunSpec[Any]:
    """The page with keys changed; one that is searched says nothing but these."""
    if not spec.parallelism.open:
        return _changed(spec, changes)
    return spec.model_copy(update={"parallelism": Parallelism(**changes)})


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
    return _holds(spec, case.architecture, hardware, case.devices)


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
