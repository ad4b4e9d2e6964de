"""The host: what it adds where the device is faster than it."""

from __future__ import annotations

from orchestrator.planning.calibration import CUDA
from orchestrator.planning.software import Software
from orchestrator.planning.timing import step_time
from orchestrator.planning.timing.launches import waiting
from tests.planning.timing.cases import gpt, gpus, work


def test_a_busy_device_never_waits() -> None:
    assert waiting(1e-2, 20, CUDA, Software()) == 0


def test_an_idle_one_takes_as_long_as_the_host() -> None:
    host = 100 * CUDA.launch_overhead_s
    assert host * 0.99 < 1e-5 + waiting(1e-5, 100, CUDA, Software()) < host * 1.01


def test_graphs_need_no_host() -> None:
    assert waiting(1e-5, 100, CUDA, Software(graphs=True)) == 0


def test_small_layers_do_not_gain_from_tensor_parallelism() -> None:
    """vTrain's single-node measurements: at hidden size 1024 with one sequence, tensor 4 is no faster than tensor 1."""
    one, four = (step_time(work(gpt(24, 1024, 16, length=1024), 16, tensor=tensor), gpus(launch_overhead_s=2e-5)).total for tensor in (1, 4))
    assert four > 0.9 * one
