"""Bytes of checkpoints and seconds to write and read them, against what runs published."""

from __future__ import annotations

import pytest

from orchestrator.planning.reliability.checkpoints import (
    MEGATRON_DEEPSPEED,
    Storage,
    asynchronous,
    blocking,
    checkpoint_bytes,
    contents_of,
)
from tests.plans import tiny_plan

BLOOM_PARAMETERS = 176 * 10**9
JEAN_ZAY = Storage(node_write=float("inf"), node_read=float("inf"), write=57.5e9, read=57.5e9)


def test_bloom_had_2295_gib() -> None:
    """bigscience, train/tr11-176B-ml/README.md: 176e9 x 14 / 2^30 = 2294.77."""
    assert checkpoint_bytes(BLOOM_PARAMETERS, MEGATRON_DEEPSPEED) / 2**30 == pytest.approx(2294.77, abs=0.01)


def test_ours_hold_masters_and_moments_and_no_copy() -> None:
    assert contents_of("adamw").total == 12
    assert contents_of("adafactor").total == 4
    assert MEGATRON_DEEPSPEED.total - contents_of("adamw").total == MEGATRON_DEEPSPEED.copies == 2


def test_the_plan_says_the_same() -> None:
    plan = tiny_plan()
    assert plan.checkpoint_bytes == checkpoint_bytes(plan.architecture.parameters, contents_of("adamw"))


def test_bloom_saved_in_about_40_seconds() -> None:
    assert blocking(checkpoint_bytes(BLOOM_PARAMETERS, MEGATRON_DEEPSPEED), JEAN_ZAY, 48).stall_s == pytest.approx(40, rel=0.1)


def test_the_narrower_of_nodes_and_storage_sets_the_speed() -> None:
    storage = Storage(node_write=1e9, node_read=2e9, write=10e9, read=10e9)
    assert storage.save_s(10**11, 5) == pytest.approx(20)
    assert storage.save_s(10**11, 50) == pytest.approx(10)
    assert storage.load_s(10**11, 2) == pytest.approx(25)
    assert storage.load_s(10**11, 2, copies=4) == pytest.approx(100)


def test_an_asynchronous_save_stops_training_for_the_copy_alone() -> None:
    save = asynchronous(8 * 10**11, JEAN_ZAY, 10, node_copy=80e9)
    assert (save.stall_s, save.persist_s) == (pytest.approx(1), pytest.approx(8e11 / 57.5e9))
