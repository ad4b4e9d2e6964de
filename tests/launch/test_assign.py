"""Which rank lies on which node: groups stay whole on whatever nodes there are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.launch.assign import assign, block_of
from orchestrator.launch.inventory import Inventory, Node
from orchestrator.launch.placement import Request, Verdict, can_place
from orchestrator.planning.layout import Layout
from orchestrator.planning.mesh import groups
from orchestrator.training.hosts import require_groups_on_one_node

ONE = Layout(engine="megatron", data=1, tensor=1, pipeline=1, micro_batch=1, zero=0, offload="none", recompute="none")
SIZES = st.sampled_from([1, 2, 3, 4])


def cluster(*free: int) -> Inventory:
    nodes = [Node(name=f"n{index}", total={"device": max(free)}, free={"device": room}) for index, room in enumerate(free)]
    return Inventory(nodes=tuple(nodes))


def names(workers: int, together: int, *free: int) -> str:
    """The nodes of all ranks, such as `n0 n0 n1`."""
    found = assign(Request(workers=workers, each={"device": 1}, together=together), cluster(*free))
    return " ".join(node.name for node in found or [])


@pytest.mark.parametrize(
    ("workers", "together", "free", "expected"),
    [
        (4, 2, (2, 2), "n0 n0 n1 n1"),
        (4, 2, (3, 2), "n0 n0 n1 n1"),  # filling up the first node would tear ranks 2 and 3 apart
        (4, 2, (1, 2, 3), "n1 n1 n2 n2"),
        (4, 4, (3, 4), "n1 n1 n1 n1"),
        (3, 1, (1, 2), "n1 n1 n0"),
        (2, 2, (4, 4), "n0 n0"),
        (4, 2, (3, 1), ""),
    ],
)
def test_ranks_fill_the_roomiest_nodes_in_whole_groups(workers: int, together: int, free: tuple[int, ...], expected: str) -> None:
    assert names(workers, together, *free) == expected


def test_a_node_being_drained_takes_no_rank() -> None:
    nodes = cluster(4, 4).nodes
    request = Request(workers=2, each={"device": 1}, together=2)
    found = assign(request, Inventory(nodes=(replace(nodes[0], draining=True), nodes[1])))
    assert found == [nodes[1], nodes[1]]


@settings(deadline=None)
@given(SIZES, SIZES, SIZES, SIZES, SIZES, SIZES, st.lists(st.integers(0, 12), min_size=1, max_size=6))
def test_whatever_is_assigned_tears_no_group_apart(
    data: int, context: int, tensor: int, pipeline: int, expert: int, expert_tensor: int, free: list[int]
) -> None:
    layout = replace(ONE, data=data, context=context, tensor=tensor, pipeline=pipeline, expert=expert, expert_tensor=expert_tensor)
    if (data * context * tensor) % (expert * expert_tensor):
        return
    request = Request(workers=layout.world_size, each={"device": 1}, together=block_of(layout))
    found = assign(request, cluster(*free))
    assert (found is not None) == (can_place(request, cluster(*free)).verdict is Verdict.FITS)
    if found:
        require_groups_on_one_node(layout, [node.name for node in found])
        assert all(found.count(node) <= node.free["device"] for node in found)


@settings(deadline=None)
@given(SIZES, SIZES, SIZES, SIZES, SIZES)
def test_a_block_holds_whole_groups(data: int, context: int, tensor: int, expert: int, expert_tensor: int) -> None:
    layout = replace(ONE, data=data, context=context, tensor=tensor, pipeline=2, expert=expert, expert_tensor=expert_tensor)
    if (data * context * tensor) % (expert * expert_tensor):
        return
    block = block_of(layout)
    for axes in (("tensor",), ("expert_tensor", "expert")):
        assert all(len({rank // block for rank in group}) == 1 for group in groups(layout, *axes))
