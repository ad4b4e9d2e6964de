"""Given what was asked and what exists: the verdict, and a reason with the numbers in it."""

from __future__ import annotations

import pytest

from orchestrator.launch.inventory import Inventory, Node
from orchestrator.launch.placement import Request, Verdict, can_place


def node(name: str, total: float, free: float | None = None, **more: bool) -> Node:
    now = total if free is None else free
    return Node(name=name, total={"CPU": 8, "GPU": total}, free={"CPU": 8, "GPU": now}, **more)


def gang(workers: int, **each: float) -> Request:
    return Request(workers=workers, each=each or {"CPU": 1, "GPU": 1})


def test_a_gang_fits_when_the_nodes_together_have_room_for_every_worker() -> None:
    answer = can_place(gang(6), Inventory(nodes=(node("a", 4), node("b", 2))))
    assert answer.verdict is Verdict.FITS
    assert answer.reason == ""


def test_a_gang_waits_when_others_hold_what_it_needs() -> None:
    answer = can_place(gang(6), Inventory(nodes=(node("a", 4, free=1), node("b", 2))))
    assert answer.verdict is Verdict.BUSY
    assert answer.reason == (
        "a gang of 6 workers waits for this cluster\n"
        "  asked    6 workers, each CPU 1, GPU 1 (together CPU 6, GPU 6)\n"
        "  exists   node a: CPU 8 of 8 free, GPU 1 of 4 free -> room for 1 now, 4 when free\n"
        "           node b: CPU 8 of 8 free, GPU 2 of 2 free -> room for 2\n"
        "  missing  room for 3 workers (GPU 3)\n"
        "  fix      wait, or stop a job that holds the rest (make jobs, make stop JOB=…)"
    )


def test_a_gang_larger_than_the_cluster_is_refused_with_the_largest_that_fits() -> None:
    answer = can_place(gang(16), Inventory(nodes=(node("a", 8), node("b", 4))))
    assert answer.verdict is Verdict.IMPOSSIBLE
    assert "missing  room for 4 workers (GPU 4)" in answer.reason
    assert "at most 12 workers fit: parallelism.data: 12" in answer.reason


def test_a_node_being_drained_takes_no_worker() -> None:
    answer = can_place(gang(6), Inventory(nodes=(node("a", 4), node("b", 4, draining=True))))
    assert answer.verdict is Verdict.IMPOSSIBLE
    assert "node b: CPU 8 of 8 free, GPU 4 of 4 free -> being drained" in answer.reason


def test_resources_that_suffice_in_sum_but_lie_scattered_are_named_so() -> None:
    answer = can_place(gang(1, GPU=3), Inventory(nodes=(node("a", 2), node("b", 2))))
    assert answer.verdict is Verdict.IMPOSSIBLE
    assert "scattered" in answer.reason
    assert "no node holds even one worker" in answer.reason


def test_an_unknown_resource_is_missing_altogether() -> None:
    answer = can_place(gang(2, TPU=4), Inventory(nodes=(node("a", 2),)))
    assert "TPU 0 of 0 free" in answer.reason
    assert "missing  room for 2 workers (TPU 8)" in answer.reason


def test_a_cluster_without_nodes_says_so() -> None:
    assert "no node at all" in can_place(gang(1), Inventory(nodes=())).reason


@pytest.mark.parametrize(("free", "fits"), [(1.0, True), (0.9999999, True), (0.99, False)])
def test_amounts_are_rounded_as_ray_rounds_them(free: float, fits: bool) -> None:
    one = Inventory(nodes=(Node(name="a", total={"GPU": 1.0}, free={"GPU": free}),))
    assert (can_place(gang(2, GPU=0.5), one).verdict is Verdict.FITS) is fits


def test_memory_is_printed_in_bytes_with_a_unit() -> None:
    one = Inventory(nodes=(Node(name="a", total={"memory": 2**30}, free={"memory": 2**30}),))
    assert "memory 2.0 GiB" in can_place(gang(1, memory=2**31), one).reason


def test_workers_that_must_share_a_node_fill_it_in_whole_groups() -> None:
    pairs = Request(workers=4, each={"GPU": 1}, together=2)
    assert can_place(pairs, Inventory(nodes=(node("a", 3), node("b", 2)))).verdict is Verdict.FITS
    assert can_place(pairs, Inventory(nodes=(node("a", 3), node("b", 2, free=1)))).verdict is Verdict.BUSY


def test_nodes_that_hold_a_gang_only_with_a_group_torn_apart_are_told_so_with_the_numbers() -> None:
    """Tensor 2 on nodes of 3 devices: six workers would fit, ranks 2 and 3 on two nodes."""
    answer = can_place(Request(workers=6, each={"GPU": 1}, together=2), Inventory(nodes=(node("a", 3), node("b", 3))))
    assert answer.verdict is Verdict.IMPOSSIBLE
    assert answer.reason == (
        "a gang of 6 workers cannot be placed on this cluster\n"
        "  asked    6 workers, each GPU 1 (together GPU 6), every 2 consecutive ranks on one node\n"
        "  exists   node a: GPU 3 of 3 free -> room for 2\n"
        "           node b: GPU 3 of 3 free -> room for 2\n"
        "  missing  room for 2 workers (enough in sum, but scattered: a group of 2 workers must lie on one node)\n"
        "  fix      at most 4 workers fit in groups of 2: lower parallelism.data or pipeline, take a parallelism.tensor"
        " (or expert) that divides the devices of a node, or add room for 2 more"
    )


def test_a_group_larger_than_any_node_is_told_so() -> None:
    answer = can_place(Request(workers=8, each={"GPU": 1}, together=4), Inventory(nodes=(node("a", 2),) * 4))
    assert "no node holds 4 workers: lower parallelism.tensor" in answer.reason
