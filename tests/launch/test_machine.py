"""Kernel files in, numbers out."""

from __future__ import annotations

import pytest

from orchestrator.launch.inventory import node_resources
from orchestrator.launch.machine import (
    Gpu,
    Machine,
    cpu_peak,
    parse_smi,
    this_machine,
    usable_cores,
    usable_memory,
)

HYPER_THREADS = "\n\n".join(
    f"processor\t: {cpu}\nmodel name\t: Some Xeon\ncpu MHz\t\t: 2500.000\nphysical id\t: 0\ncore id\t\t: {cpu // 2}\n"
    f"flags\t\t: fpu sse2 avx avx2 fma{' avx512f' if cpu < 0 else ''}"
    for cpu in range(4)
)


@pytest.mark.parametrize(
    ("allowed", "cpu_max", "cores"),
    [(64, "max 100000", 64), (64, "200000 100000", 2), (1, "400000 100000", 1), (8, "50000 100000", 1), (8, "", 8)],
)
def test_cores_are_the_smaller_of_affinity_and_quota(allowed: int, cpu_max: str, cores: int) -> None:
    assert usable_cores(allowed, cpu_max) == cores


@pytest.mark.parametrize(
    ("memory_max", "usable"), [("max\n", 2 * 2**30), ("1073741824\n", 2**30), ("9223372036854771712", 2 * 2**30), ("", 2 * 2**30)]
)  # fmt: skip
def test_memory_is_the_smaller_of_the_machine_and_the_limit(memory_max: str, usable: int) -> None:
    assert usable_memory("MemTotal:        2097152 kB\nMemFree: 1 kB\n", memory_max) == usable


def test_peak_counts_hyper_threads_of_a_core_once() -> None:
    assert cpu_peak(HYPER_THREADS, allowed={0, 1, 2, 3}, cores=4) == 2 * 32 * 2.5e9


def test_peak_follows_the_affinity_mask_and_the_vector_units() -> None:
    assert cpu_peak(HYPER_THREADS, allowed={0, 1}, cores=2) == 1 * 32 * 2.5e9
    wide = HYPER_THREADS.replace(" fma", " fma avx512f")
    assert cpu_peak(wide, allowed={0, 1, 2, 3}, cores=4) == 2 * 64 * 2.5e9
    assert cpu_peak("", allowed={0}, cores=1) == 0.0


def test_gpus_are_read_as_nvidia_smi_prints_them() -> None:
    assert parse_smi("NVIDIA H100 80GB HBM3, 81559\nNVIDIA H100 80GB HBM3, 81559\n") == (
        Gpu(name="NVIDIA H100 80GB HBM3", memory=81559 * 2**20),
    ) * 2


def machine(**changes: object) -> Machine:
    return Machine(**{"cores": 2, "memory": 2**34, "cpu_name": "x", "cpu_flops": 1e11, "gpus": (), **changes})  # type: ignore[arg-type]


def test_a_node_declares_its_gpus_or_else_cpu_devices() -> None:
    assert node_resources(machine()) == {"CPU": 2.0, "device": 2.0}
    assert node_resources(machine(gpus=(Gpu(name="H100", memory=1),) * 8)) == {"CPU": 2.0, "GPU": 8.0}


def test_more_devices_than_cores_may_be_declared() -> None:
    assert node_resources(machine(), devices=6) == {"CPU": 6.0, "device": 6.0}


def test_this_machine_has_something() -> None:
    here = this_machine()
    assert here.cores >= 1
    assert here.memory > 2**28
