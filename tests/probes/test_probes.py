"""Each probe gives a number that this kind of device can have; groups are those that a cluster's ranks make."""

from __future__ import annotations

import time

import pytest
import torch

from orchestrator.probes.attention import attention_flops
from orchestrator.probes.clock import seconds_of, typical
from orchestrator.probes.exchanges import KINDS, exchanges
from orchestrator.probes.footprint import peak_resident, resident
from orchestrator.probes.launches import launch_s
from orchestrator.probes.products import products
from orchestrator.probes.ranks import Ranks, between, inside, powers, ranks_here
from orchestrator.probes.streams import copied, streamed
from tests.distributed import run_distributed

CPU = torch.device("cpu")


def four_by_two() -> Ranks:
    """Two nodes of four ranks."""
    return Ranks(rank=0, nodes=("a",) * 4 + ("b",) * 4, device=CPU)


def test_groups_inside_a_node_work_on_all_nodes_at_once() -> None:
    assert inside(four_by_two()) == [[[0, 1], [2, 3], [4, 5], [6, 7]], [[0, 1, 2, 3], [4, 5, 6, 7]]]
    assert inside(four_by_two(), 2) == [[[0, 1], [4, 5]]], "two cores: the others sleep"


def test_groups_between_nodes_share_the_network() -> None:
    assert between(four_by_two()) == [[[0, 4], [1, 5], [2, 6], [3, 7]]]
    assert between(Ranks(rank=0, nodes=("a", "a"), device=CPU)) == []


def test_sizes_double_up_to_all() -> None:
    assert (powers(1), powers(2), powers(6), powers(8)) == ([], [2], [2, 4, 6], [2, 4, 8])


def test_a_thread_that_sleeps_takes_no_time() -> None:
    assert seconds_of(lambda: time.sleep(0.002), CPU, budget_s=0) < 0.001


def test_typical_is_the_lower_quartile() -> None:
    assert typical([9.0, 1.0, 2.0, 3.0, 100.0]) == 2.0


def test_probes_of_a_core_are_of_its_order() -> None:
    (found,) = products(CPU, sizes=((256, 256, 256),), budget_s=0.02)
    assert 1e8 < found.flops < 1e13
    assert 1e8 < attention_flops(CPU, budget_s=0.02) < 1e13
    assert 1e8 < streamed(CPU, budget_s=0.02) < 1e12
    assert 1e8 < copied(CPU, budget_s=0.02) < 1e13
    assert 1e-7 < launch_s(CPU) < 1e-3
    assert 50e6 < resident(CPU) <= peak_resident()


def _exchanged() -> list[tuple[str, int, int, float]]:
    found = exchanges(ranks_here("here", CPU), cores=2, sizes=(64, 2**18))
    return [(each.kind, each.ranks, each.moved, each.seconds) for each in found]


def test_every_kind_of_exchange_among_two_ranks() -> None:
    found = run_distributed(_exchanged, 2)
    assert [each[:3] for each in found[0]] == [(kind, 2, moved) for moved in (64, 2**18) for kind in KINDS]
    assert found[0] == found[1], "the slowest rank's time is everyone's"
    assert all(0 < seconds < 10 for *_, seconds in found[0])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_probes_of_a_gpu_are_of_its_order() -> None:
    device = torch.device("cuda", 0)
    found = products(device, sizes=((8192, 4096, 4096),), budget_s=0.05)
    assert all(1e13 < each.flops < 1e16 for each in found)
    assert 1e12 < attention_flops(device, budget_s=0.05) < 1e16
    assert 1e10 < streamed(device, budget_s=0.05) < copied(device, budget_s=0.05) * 1.5
    assert 1e-6 < launch_s(device) < 1e-4
    assert 1e8 < resident(device) < 1e10
