"""What stands in for CUDA on a CPU: each does what its comment says, and outside `adapted()` nothing has changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, distributed

from tests.distributed import run_distributed

MISSING = object()


@pytest.fixture(autouse=True, scope="module")
def _core() -> None:
    from orchestrator.engines.megatron import runtime

    runtime.import_core()


@pytest.fixture
def adapted() -> Iterator[None]:
    from orchestrator.engines.megatron import cpu

    with cpu.adapted():
        yield


def attributes() -> list[Any]:
    """What the owners themselves hold under each name, not what they inherit."""
    from orchestrator.engines.megatron.cpu import _replacements

    return [vars(owner).get(name, MISSING) for owner, name, _ in _replacements()]


def stand_ins() -> list[Any]:
    from orchestrator.engines.megatron.cpu import _replacements

    return [vars(owner)[name] for owner, name, _ in _replacements()]


def same(left: list[Any], right: list[Any]) -> bool:
    return all(one is other for one, other in zip(left, right, strict=True))


class TestOutside:
    def test_all_is_as_it_was(self) -> None:
        from orchestrator.engines.megatron.cpu import adapted

        before = attributes()
        with adapted():
            assert not any(one is other for one, other in zip(before, stand_ins(), strict=True))
        assert same(attributes(), before)

    def test_after_an_exception(self) -> None:
        from orchestrator.engines.megatron.cpu import adapted

        before = attributes()
        with pytest.raises(ZeroDivisionError), adapted():
            raise ZeroDivisionError
        assert same(attributes(), before)

    def test_contexts_nest(self) -> None:
        from orchestrator.engines.megatron.cpu import adapted

        before = attributes()
        with adapted():
            outer = stand_ins()
            with pytest.raises(KeyError), adapted():
                raise KeyError
            assert same(stand_ins(), outer)
            assert torch.zeros(1, device="cuda").device.type == "cpu"
        assert same(attributes(), before)


@pytest.mark.usefixtures("adapted")
class TestInside:
    def test_the_current_device_is_the_cpu(self) -> None:
        assert torch.empty(1, device=torch.cuda.current_device()).device.type == "cpu"

    @pytest.mark.parametrize("device", ["cuda", "cuda:1", torch.device("cuda", 0), "cpu", None])
    def test_new_tensors_are_on_it(self, device: Any) -> None:
        for made in (torch.zeros(2, device=device), torch.tensor([0.0, 0.0], device=device)):
            assert made.device.type == "cpu"
            assert made.tolist() == [0, 0]
        assert torch.zeros(2, device=device, dtype=torch.int64).dtype == torch.int64
        assert torch.zeros(2, device="meta").device.type == "meta"

    def test_pinning_is_not_asked_for(self) -> None:
        assert not torch.zeros(2, pin_memory=True).is_pinned()

    def test_moving_to_the_gpu_moves_nothing(self) -> None:
        tensor = torch.ones(2)
        assert tensor.cuda() is tensor
        assert tensor.cuda(torch.cuda.current_device(), non_blocking=True) is tensor

    def test_the_type_is_told_as_on_a_gpu_and_conversion_works(self) -> None:
        assert torch.ones(1).type() == "torch.cuda.FloatTensor"
        assert torch.ones(1, dtype=torch.bfloat16).type() == "torch.cuda.BFloat16Tensor"
        assert torch.ones(1).type(torch.float64).dtype == torch.float64

    def test_streams_and_events_order_nothing(self) -> None:
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            done = torch.ones(1)
        event = side.record_event()
        torch.cuda.current_stream().wait_event(event)
        torch.cuda.default_stream().wait_stream(side)
        torch.cuda.Event(enable_timing=True).synchronize()
        done.record_stream(side)
        torch.cuda.synchronize()

    def test_random_states_are_those_of_the_cpu(self) -> None:
        from megatron.core.tensor_parallel import random

        before = torch.get_rng_state()
        try:
            torch.cuda.manual_seed(5)
            drawn = torch.rand(3)
            assert torch.equal(drawn, torch.rand(3, generator=torch.Generator().manual_seed(5)))
            state = torch.cuda.get_rng_state()
            again = torch.rand(3)
            random._set_cuda_rng_state(state)
            assert torch.equal(random._get_cuda_rng_state(), state)
            assert torch.equal(torch.rand(3), again)
        finally:
            torch.set_rng_state(before)

    def test_no_kernel_of_transformer_engine_is_taken(self) -> None:
        from megatron.core.transformer.moe import moe_utils

        assert moe_utils.te_general_gemm is None


def rows(rank: int, count: int, of: int = 0) -> Tensor:
    """`count` rows that tell whose they are."""
    return torch.arange(count * 3, dtype=torch.float32).view(count, 3) + 100 * rank + 10_000 * of


def uneven() -> None:
    from orchestrator.engines.megatron import runtime

    runtime.import_core()
    from orchestrator.engines.megatron.cpu import adapted

    ranks = list(range(distributed.get_world_size()))
    odd = distributed.new_group([rank for rank in ranks if rank % 2])
    with adapted():
        collect(ranks, distributed.group.WORLD)
        if distributed.get_rank() % 2:
            collect([rank for rank in ranks if rank % 2], odd)
    if distributed.get_rank() % 2:
        distributed.destroy_process_group(odd)


def collect(ranks: list[int], group: Any) -> None:
    """Each collective against what the definition of NCCL's gives. Rank r holds r rows, so rank 0 none."""
    me = distributed.get_rank()
    outputs = [torch.empty(rank, 3) for rank in ranks]
    distributed.all_gather(outputs, rows(me, me), group=group)
    assert all(torch.equal(output, rows(rank, rank)) for rank, output in zip(ranks, outputs, strict=True))

    mine = torch.empty(me, 3)
    inputs = [rows(me, rank, of=rank) for rank in ranks]
    kept = [each.clone() for each in inputs]
    distributed.reduce_scatter(mine, inputs, group=group)
    assert torch.equal(mine, torch.stack([rows(rank, me, of=me) for rank in ranks]).sum(dim=0))
    assert all(torch.equal(one, other) for one, other in zip(inputs, kept, strict=True))

    # From rank r to rank q go r + q rows but none to itself; sizes as the dispatcher passes them, in tensors.
    sent = [0 if rank == me else rank + me for rank in ranks]
    received = torch.empty(sum(sent), 3)
    distributed.all_to_all_single(
        received, torch.cat([rows(me, count, of=rank) for rank, count in zip(ranks, sent, strict=True)]),
        torch.tensor(sent), torch.tensor(sent), group=group,
    )  # fmt: skip
    assert torch.equal(received, torch.cat([rows(rank, count, of=me) for rank, count in zip(ranks, sent, strict=True)]))

    even = [torch.empty(2, 3) for _ in ranks]
    distributed.all_gather(even, rows(me, 2), group=group)
    assert all(torch.equal(output, rows(rank, 2)) for rank, output in zip(ranks, even, strict=True))
    total = torch.empty(2, 3)
    distributed.reduce_scatter(total, [rows(me, 2, of=rank) for rank in ranks], group=group)
    assert torch.equal(total, torch.stack([rows(rank, 2, of=me) for rank in ranks]).sum(dim=0))


@pytest.mark.parametrize("ranks", [2, 4])
def test_uneven_collectives_give_what_nccls_give(ranks: int) -> None:
    """On the whole group and on that of the odd ranks, whose members count otherwise."""
    run_distributed(uneven, ranks)
