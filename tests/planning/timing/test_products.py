"""Matrix products: whole tiles in whole waves, memory where there is little to multiply, and rows that do not align."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.planning.calibration import CUDA
from orchestrator.planning.timing.products import Unit, product, seconds

A100 = Unit(peak=312e12, sms=108, bandwidth=2.039e12)


def speed(m: int, n: int, k: int) -> float:
    """Fraction of peak at full efficiency."""
    made = product(m, n, k, A100)
    return 2 * m * n * k / 312e12 / max(made.tiled, made.moved)


def test_a_large_product_reaches_its_peak() -> None:
    assert 0.93 < speed(8192, 12288, 12288) <= 1


def test_one_tile_more_than_a_wave_takes_two_waves() -> None:
    """NVIDIA, matrix multiplication guide, section 4.2: 108 tiles of 256 x 128 are one wave on an A100, 109 are two."""
    full, over = product(256 * 12, 128 * 9, 4096, A100), product(256 * 12 + 1, 128 * 9, 4096, A100)
    assert over.tiled > 1.05 * full.tiled


def test_few_tiles_with_a_long_sum_are_cut_along_it() -> None:
    """A weight's gradient of 1024 x 1024 from 32768 tokens is 32 tiles: on 108 processors it would use a third of them."""
    assert speed(1024, 1024, 32768) > 0.6


def test_a_thin_product_waits_for_memory() -> None:
    made = product(16, 4096, 4096, A100)
    assert made.moved > made.tiled
    assert made.moved == pytest.approx(2 * (16 * 4096 * 2 + 4096 * 4096) / 2.039e12)


@pytest.mark.parametrize(("k", "slower"), [(4096, 1.0), (4096 + 8, 1.1), (4096 + 4, 10)])
def test_rows_that_are_no_multiple_of_16_bytes_leave_the_tensor_cores(k: int, slower: float) -> None:
    assert product(4096, 4096, k, A100).tiled >= 0.98 * slower * product(4096, 4096, 4096, A100).tiled


@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(64, 9000))
def test_nothing_is_faster_than_the_device(m: int, n: int, k: int) -> None:
    made = product(m, n, k, A100)
    assert made.tiled >= 2 * m * n * k / 312e12
    assert made.moved >= 2 * (m * k + k * n + m * n) / 2.04e12


def test_seconds_scale_with_what_was_measured() -> None:
    made = product(8192, 8192, 8192, A100)
    assert seconds((made,), CUDA) == pytest.approx(made.tiled / CUDA.matmul_efficiency + 3e-6)
