"""What the optimizer's step takes, on the device and offloaded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.planning.hardware import Hardware, hardware_of
from orchestrator.planning.software import stack_of
from orchestrator.planning.timing import StepTime, step_time
from orchestrator.planning.timing.optimizer import STATE_BYTES
from orchestrator.spec.cluster import ClusterSpec
from tests.planning.timing.cases import gpus, llama, work

MODEL = llama(32, 4096, 32, kv_heads=32, size=11008, vocab=32000)
DEVICES = gpus("H100")


def step(offload: str, hardware: Hardware = DEVICES, *, sequences: int = 64, zero: int = 3) -> StepTime:
    one = work(MODEL, sequences, engine="deepspeed", data=8, zero=zero, recompute="full", offload=offload)
    return step_time(replace(one, software=stack_of(one.layout)), hardware)


@pytest.mark.parametrize("sequences", [8, 64])
def test_what_is_offloaded_costs_time(sequences: int) -> None:
    times = [step(offload, sequences=sequences).total for offload in ("none", "optimizer", "parameters")]
    assert times == sorted(set(times))


@pytest.mark.parametrize("zero", [1, 2])
def test_so_it_does_at_lower_stages(zero: int) -> None:
    assert step("optimizer", zero=zero).total > step("none", zero=zero).total


def test_a_step_in_host_memory_is_as_long_as_its_bytes_take() -> None:
    """6.7e9 parameters on 8 ranks: 28 bytes each of 200 GB/s that a node shares, 4 down and 2 up at 50 GB/s each rank's own."""
    expected = MODEL.parameters * 28 / 200e9 + MODEL.parameters / 8 * 6 / 50e9
    assert step("optimizer").optimizer == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("part", ["host_bandwidth", "host_link"])
def test_a_faster_host_helps(part: str) -> None:
    faster = replace(DEVICES, **{part: 2 * getattr(DEVICES, part)})
    assert step("optimizer", faster).optimizer < step("optimizer").optimizer
    assert step("none", faster) == step("none")


def test_nothing_is_reduced_behind_computing() -> None:
    """engines/deepspeed/config.py turns overlap_comm off under offload."""
    assert step("optimizer", sequences=8).gradients > step("none", sequences=8).gradients


def test_a_page_says_its_host() -> None:
    def of(**said: Any) -> Hardware:
        return hardware_of(ClusterSpec.model_validate({"nodes": 1, "node": {"accelerator": "A100-80GB", "count": 8, **said}}))

    assert (of().host_bandwidth, of().host_link) == (200e9, 25e9)
    said = of(host_bandwidth="300GB", host_link="12GB")
    assert (said.host_bandwidth, said.host_link) == (300e9, 12e9)


def test_one_table_for_device_and_host() -> None:
    """AdamW in one pass: gradient, master and two moments read, three of them written, 4 bytes each."""
    assert STATE_BYTES["adamw"].host == 7 * 4
    assert all(moved.host < moved.device for moved in STATE_BYTES.values())
    adamw, adafactor = STATE_BYTES["adamw"], STATE_BYTES["adafactor"]
    assert adamw.device - adafactor.device == adamw.host - adafactor.host
