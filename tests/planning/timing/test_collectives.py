"""Exchanges: measured all-reduces, and which ranks' network a group has."""

from __future__ import annotations

import pytest

from orchestrator.planning.timing.collectives import all_reduce, all_to_all, gather, group, send
from tests.planning.timing.cases import gpus

MIB = 2**20


@pytest.mark.parametrize(("mebibytes", "microseconds"), [(1, 93), (8, 134)])
def test_nccl_on_eight_a100(mebibytes: int, microseconds: float) -> None:
    """The vTrain project's own table of NCCL all-reduces on 8 x A100 (github.com/VIA-Research/vTrain, trace/a100)."""
    assert all_reduce(mebibytes * MIB, group(8, 1, 8), gpus()) * 1e6 == pytest.approx(microseconds, rel=0.2)


def test_a_reduce_scatter_and_an_all_gather_are_an_all_reduce() -> None:
    hardware = gpus(nodes=4)
    for among in (group(4, 1, 8), group(32, 1, 8), group(4, 8, 8)):
        assert 2 * gather(1e9, among, hardware) == pytest.approx(all_reduce(1e9, among, hardware))


def test_a_group_has_the_network_of_all_its_ranks_in_a_node() -> None:
    """Rank order is tensor first: 16 replicas of tensor 4 on nodes of 8 are 2 in each of 8 nodes."""
    among = group(16, 4, 8)
    assert (among.inside, among.domains) == (2, 8)
    hardware = gpus(nodes=8)
    alone, both = (all_reduce(1e10, each, hardware) for each in (group(16, 8, 8), among))
    assert alone / both == pytest.approx(2, rel=0.05)


def test_tensor_16_on_nodes_of_8_is_as_slow_as_the_network() -> None:
    """vTrain's measurements of a 3.6B model: tensor 16 does 38 to 48 TFLOP/s where tensor 8 does 120."""
    hardware = gpus(nodes=2, network=100)
    assert all_reduce(5e7, group(16, 1, 8), hardware) > 2 * all_reduce(5e7, group(8, 1, 8), hardware)


def test_one_rank_exchanges_nothing() -> None:
    assert all_reduce(1e9, group(1, 1, 8), gpus()) == gather(1e9, group(1, 8, 8), gpus()) == all_to_all(1e9, group(1, 1, 8), gpus()) == 0


def test_a_token_crosses_to_a_node_once_for_all_its_experts_there() -> None:
    """DeepSeek-V3 (arXiv:2412.19437, section 3.2.2) sends each token to at most 4 nodes for its 8 experts."""
    hardware, among = gpus("H100", nodes=8), group(64, 1, 8)
    assert all_to_all(1e9, among, hardware, copies=8) < 0.75 * all_to_all(1e9, among, hardware)


def test_a_send_takes_latency_and_bytes() -> None:
    hardware = gpus(nodes=2, network_efficiency=1.0, network_latency_s=1e-5)
    assert send(25e9, hardware, far=True) == pytest.approx(1 + 1e-5)
    assert send(25e9, hardware, far=False) < 0.2
