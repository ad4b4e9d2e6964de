"""The generated layouts are exactly those that the rules let pass: none illegal, none forgotten, none twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.planning.capabilities import CAPABILITIES
from orchestrator.planning.layout import Layout
from orchestrator.planning.rules import breaks_no_rule
from tests.planning.models import BLOOM, BLOOM_BATCH, MIXTRAL, gpus
from tests.planning.search.cases import EXPERTS, GROUPS, SPACES, batch, space


@pytest.mark.parametrize("name", SPACES)
def test_every_layout_is_legal_counted_and_there_once(name: str) -> None:
    found, _ = space(**SPACES[name])
    layouts = list(found.layouts())
    assert len(layouts) == len(set(layouts)) == found.count() > 0
    assert all(breaks_no_rule(found.case_of(layout)) for layout in layouts)


DEGREES = st.sampled_from([1, 1, 1, 2, 2, 3, 4, 6])
LAYOUTS = st.builds(
    Layout,
    engine=st.sampled_from(["deepspeed", "megatron", "megatron", "megatron", "reference"]), data=DEGREES, tensor=DEGREES,
    pipeline=DEGREES, context=DEGREES, virtual=st.sampled_from([1, 1, 2, 3]), expert=DEGREES, expert_tensor=DEGREES,
    micro_batch=DEGREES, zero=st.sampled_from([0, 1, 1, 2, 3]), offload=st.just("none"),
    recompute=st.sampled_from(["none", "selective", "full"]), sequence_parallel=st.booleans(),
)  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "dense": {"model": {**GROUPS, "kv_heads": 12}, "cluster": gpus(2, 4), "length": 96, **batch(24)},
    "grouped": {"model": GROUPS, "cluster": gpus(2, 6), "length": 96, **batch(12)},
    "experts": {"model": {**EXPERTS, "layers": 6}, "cluster": gpus(3, 4), "length": 96, **batch(24)},
    "a ramp-up": {"model": GROUPS, "cluster": gpus(3, 4), "length": 96, **batch(24, ramp_up={"start": 12, "step": 12, "samples": 99})},
}
MEMBERS = {name: (found := space(**kind)[0], frozenset(found.layouts())) for name, kind in KINDS.items()}


@settings(max_examples=400, deadline=None)
@given(LAYOUTS, st.sampled_from(list(KINDS)))
def test_what_breaks_no_rule_is_generated_and_nothing_else(layout: Layout, kind: str) -> None:
    found, members = MEMBERS[kind]
    if not found.case.mixtures or "expert" not in CAPABILITIES[layout.engine].axes:
        # Without experts to share out, how they are cut means nothing; the space has one word for it.
        layout = replace(layout, expert_tensor=layout.tensor)
    assert breaks_no_rule(found.case_of(layout)) == (layout in members)


@pytest.mark.parametrize("name", SPACES)
def test_what_the_page_says_is_kept(name: str) -> None:
    said = {"tensor": 2, "pipeline": "auto", "micro_batch": 1, "zero": 1}
    found, _ = space(**SPACES[name] | {"said": said})
    for layout in found.layouts():
        assert (layout.tensor, layout.micro_batch, layout.zero, layout.recompute, layout.context) == (2, 1, 1, "none", 1)


def test_every_device_takes_part_where_a_gang_is_given() -> None:
    found, _ = space(**SPACES["every device"])
    assert {layout.world_size for layout in found.layouts()} == {4}


@pytest.mark.parametrize(("model", "nodes"), [(BLOOM, 2048), (MIXTRAL, 2048)])
def test_a_large_space_is_counted_without_being_made(model: dict[str, Any], nodes: int) -> None:
    found, _ = space(model, gpus(nodes), batch=BLOOM_BATCH)
    assert found.count() > 100_000
