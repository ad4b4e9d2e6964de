"""An engine leaves its process as it found it, whether it was built or not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import distributed

from orchestrator.engines import make_engine
from orchestrator.engines.base import Device
from tests.distributed import run_distributed
from tests.plans import tiny_plan


class BrokenError(Exception):
    """What happens in the middle of a build."""


def built_and_left(degrees: dict[str, Any], fails: bool) -> None:
    from orchestrator.engines.megatron import engine as module
    from orchestrator.engines.megatron import runtime

    runtime.import_core()
    from megatron.core import parallel_state

    plan = tiny_plan(
        world_size=distributed.get_world_size(), family="mixtral", parallelism={"engine": "megatron", "micro_batch": 1, **degrees}
    )
    before, zeros = runtime.process_groups(), torch.zeros
    if fails:

        def fail(*_: Any) -> Any:
            raise BrokenError

        engine: Any = make_engine("megatron")
        kept, module.initialiser = module.initialiser, fail
        try:
            with pytest.raises(BrokenError):
                engine.build(plan, Device(kind="cpu"))
        finally:
            module.initialiser = kept
    else:
        engine = make_engine("megatron")
        engine.build(plan, Device(kind="cpu"))
        assert runtime.process_groups() > before
        engine.close()
    assert runtime.process_groups() == before
    assert torch.zeros is zeros
    assert not parallel_state.model_parallel_is_initialized()


@pytest.mark.parametrize("fails", [False, True], ids=["closed", "a build that fails"])
@pytest.mark.parametrize("degrees", [{"tensor": 2}, {"expert": 2, "zero": 1}, {"pipeline": 2}, {"context": 2}], ids=str)
def test_no_process_group_stays(degrees: dict[str, Any], fails: bool) -> None:
    """After a build that failed, its groups were once met by the next engine of the process."""
    run_distributed(built_and_left, 2, degrees, fails)


@pytest.mark.parametrize(("head_dim", "dims"), [(46, 26), (44, 30), (98, 2), (128, 32), (64, 64)])
def test_rotary_positions_turn_as_many_dims_as_the_page_says(head_dim: int, dims: int) -> None:
    """Core is told a share and rounds down: 46 x (26 / 46) is 25.999999999999996."""
    from orchestrator.engines.megatron import runtime

    runtime.import_core()
    from megatron.core.models.common.embeddings.rotary_pos_embedding import RotaryEmbedding

    from orchestrator.architecture.parts import Rotary
    from orchestrator.engines.megatron.model import rotary_percent

    share = rotary_percent(Rotary(theta=1e4, head_dim=head_dim, dims=dims))
    rotary = RotaryEmbedding(head_dim, share, use_cpu_initialization=True, cp_group=_Alone())
    assert len(rotary.inv_freq) == dims // 2
    expected = 1.0 / (1e4 ** (torch.arange(0, dims, 2, dtype=torch.float32) / dims))
    assert torch.equal(rotary.inv_freq, expected)


class _Alone:
    """A group of one."""

    def size(self) -> int:
        return 1

    def rank(self) -> int:
        return 0
