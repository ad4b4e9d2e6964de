"""What fits, and which part makes the peak. Oracles: layouts that ran out of memory and layouts that did not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.planning.calibration import CUDA
from orchestrator.planning.hardware import hardware_of
from orchestrator.planning.memory import Memory, capacity, fits, memory_of, needed, short_of
from tests.planning.memory.made import HARDWARE, estimate
from tests.planning.memory.test_papers import bloom
from tests.planning.models import BLOOM, Made, gpus

SLACK = replace(HARDWARE, calibration=replace(CUDA, fragmentation=0.13))
GIB = 2**30


@pytest.mark.parametrize(
    ("accelerator", "usable"),
    # torch.cuda.get_device_properties(...).total_memory, as runs' messages give it
    [("A100-80GB", 79.2), ("A100-40GB", 39.6), ("V100-32GB", 31.7), ("V100-16GB", 15.8), ("H100", 79.2), ("H200", 139.8)],
)
def test_a_device_has_a_hundredth_less_than_its_name_says(accelerator: str, usable: float) -> None:
    assert capacity(hardware_of(gpus(1, accelerator=accelerator))) / GIB == pytest.approx(usable, rel=0.005)


@pytest.mark.parametrize("micro_batch", [1, 2])
def test_what_ran_out_of_memory_does_not_fit(micro_batch: int) -> None:
    """chronicles-prequel.md: tensor 2, pipeline 6, data 32 ran out at either micro-batch."""
    step = bloom("fp16", 72, data=32, tensor=2, pipeline=6, micro_batch=micro_batch)
    assert not fits(memory_of(step, SLACK), SLACK)


def test_what_ran_fits() -> None:
    """The same table: tensor 8, pipeline 2, data 24 at micro-batch 2 showed 76 GiB."""
    step = bloom("fp16", 72, data=24, tensor=8, pipeline=2, micro_batch=2)
    assert fits(memory_of(step, SLACK), SLACK)


def test_an_allocator_gives_half_of_its_slack_back() -> None:
    memory = Memory(weights=10, gradients=0, optimizer=0, activations=0, logits=0, buffers=0, framework=5, slack=4)
    assert (memory.total, needed(memory)) == (19, 17)


def test_the_parts_add_up() -> None:
    for stage in estimate(Made.model_validate(BLOOM).architecture(), tensor=4, pipeline=12, recompute="full"):
        assert stage.total == sum(stage.parts.values())


class TestTheHost:
    """What is offloaded fills a node's own memory, all of its ranks together."""

    MEMORY = Memory(weights=10, gradients=0, optimizer=0, activations=0, logits=0, buffers=0, framework=5, host=100)

    @pytest.mark.parametrize(("ranks", "short"), [(None, "host"), (8, "host"), (4, None)])
    def test_it_holds_so_many_ranks(self, ranks: int | None, short: str | None) -> None:
        small = replace(HARDWARE, per_node=8, host_memory=799)
        assert short_of(self.MEMORY, small, ranks=ranks) == short
        assert fits(self.MEMORY, small, ranks=ranks) == (short is None)

    def test_a_page_that_does_not_say_is_taken_to_have_enough(self) -> None:
        assert fits(self.MEMORY, replace(HARDWARE, host_memory=None))

    def test_a_short_device_is_told_first(self) -> None:
        large = replace(self.MEMORY, weights=2 * HARDWARE.device.memory)
        assert short_of([self.MEMORY, large], replace(HARDWARE, host_memory=1)) == "device"


def test_a_share_leaves_the_allocator_its_slack() -> None:
    memory = Memory(weights=int(0.9 * capacity(HARDWARE)), gradients=0, optimizer=0, activations=0, logits=0, buffers=0, framework=0, slack=int(0.06 * capacity(HARDWARE)))
    assert needed(memory) < 0.95 * capacity(HARDWARE) < memory.total
    assert fits(memory, HARDWARE)
    assert not fits(memory, HARDWARE, share=0.95)
