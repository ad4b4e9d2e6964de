"""The GPU measurement on a CPU at nano size: every part of it but the device."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.gpu import (
    Layout,
    Measured,
    Work,
    difference,
    disagreements,
    heading,
    layouts,
    main,
    measure,
    possible,
    table,
)
from tests.distributed import run_distributed

NANO = Path(__file__).parents[2] / "model_specs/llama/nano.yaml"
ENGINES = ("deepspeed", "megatron")
WORK = Work(
    spec=str(NANO), precision="fp32", steps=3, sequences=4, micro_batch=2, sequence_length=16, device="cpu", peak_tflops=0.1
)


@pytest.fixture(scope="module")
def rows() -> list[Measured]:
    return [run_distributed(measure, 1, WORK, layout)[0] for layout in layouts(1, ENGINES)]


def test_both_engines_train_the_same_model(rows: list[Measured]) -> None:
    """On a CPU both engines call the same kernels: far closer than what passes on a GPU. In fp32, since a CPU with units for
    bf16 rounds the same product differently in other shapes."""
    assert difference(rows[1], rows[0]).largest < 1e-3
    assert disagreements(WORK, rows) == []
    # log V, and half the variance that weights of 0.06 give the logits of 256 normed features.
    assert rows[0].losses[0] == pytest.approx(math.log(512) + 256 * 0.06**2 / 2, abs=0.3)
    assert rows[0].losses[-1] < rows[0].losses[0]


def test_the_table_has_a_line_for_every_layout(rows: list[Measured]) -> None:
    lines = table(rows).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[0] for row in cells[2:]] == ["DeepSpeed ZeRO 1 x1", "Megatron x1"]
    assert {len(row) for row in cells} == {11}
    assert cells[2][3] == "1.00"
    assert "torch 2" in heading(WORK, rows, 1)
    assert "megatron-core 0" in heading(WORK, rows, 1)


def test_mfu_is_flops_over_peak(rows: list[Measured]) -> None:
    row = replace(rows[0], tokens_per_s=1000.0, peak=1e13, flops={"torchtitan": 10**9, "6N": 5 * 10**8})
    assert row.mfu("torchtitan") == 0.1
    assert row.mfu("6N") == 0.05


def test_a_shift_of_every_step_is_seen(rows: list[Measured]) -> None:
    """1 % at each step passes as rounding, on average it does not; and a loss that is no number equals none."""
    shifted = replace(rows[0], layout="shifted", losses=tuple(loss * 1.01 for loss in rows[0].losses))
    assert disagreements(WORK, [rows[0], shifted])[0].startswith("shifted: losses differ")
    lost = replace(rows[0], layout="lost", losses=(*rows[0].losses[:-1], float("nan")))
    assert len(disagreements(WORK, [rows[0], lost])) == 1


def test_layouts_that_cannot_be_planned_are_left_out_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """The nano page has four heads, which five tensor ranks cannot share out."""
    five = replace(WORK, sequences=20)
    able = possible(five, [Layout(engine="deepspeed", data=5, zero=1), Layout(engine="megatron", tensor=5)], leads=True)
    assert [str(layout) for layout in able] == ["DeepSpeed ZeRO 1 x5"]
    assert "left out: Megatron TP5" in capsys.readouterr().out


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_it_says_so_and_measures_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("no CUDA device: ")
