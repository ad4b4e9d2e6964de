"""DeepSpeed at every stage trains the reference's model; `make parity` does the same for longer.

Tolerances are those of that command: 1e-5 on the loss and 1e-4, relative, on the gradient norm of every step.
"""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.parity import DEEPSPEED, REFERENCE, Case, Curve, Sabotage, compare, curve_of

STEPS = 4
_REFERENCES: dict[str, Curve] = {}


def reference(**sections: dict[str, Any]) -> Curve:
    key = repr(sections)
    if key not in _REFERENCES:
        _REFERENCES[key] = curve_of(REFERENCE, steps=STEPS, **sections)
    return _REFERENCES[key]


def assert_parity(case: Case, **sections: dict[str, Any]) -> None:
    difference = compare(curve_of(case, steps=STEPS, **sections), reference(**sections))
    assert difference.passes, difference


@pytest.mark.parametrize("case", DEEPSPEED, ids=lambda case: f"{case} x{case.workers}")
def test_every_stage_on_every_number_of_workers(case: Case) -> None:
    assert_parity(case)


@pytest.mark.parametrize("model", [{"family": "gpt_neox", "rotary_fraction": 0.5}, {"family": "bloom"}], ids=str)
@pytest.mark.parametrize("zero", [1, 3])
def test_every_family(zero: int, model: dict[str, Any]) -> None:
    assert_parity(Case(workers=2, zero=zero, micro_batch=2), model=model)


def test_the_reference_learns_something_to_compare() -> None:
    losses = reference().losses
    assert losses[0] > 5.5
    assert losses[-1] < losses[0] - 0.3


def lose_one(engine: Any, batches: list[Any]) -> list[Any]:
    return batches[:-1]


def sum_gradients(engine: Any, batches: list[Any]) -> list[Any]:
    """Micro-batches are summed where they should be averaged; Adam forgives it, so the loss does not tell."""
    backward = type(engine._engine).backward
    engine._engine.backward = lambda loss, **options: backward(engine._engine, loss * len(batches), **options)
    return batches


@pytest.mark.parametrize("sabotage", [lose_one, sum_gradients])
@pytest.mark.parametrize("zero", [0, 1, 2, 3])
def test_a_broken_engine_is_seen(zero: int, sabotage: Sabotage) -> None:
    broken = curve_of(Case(workers=2, zero=zero, micro_batch=2), steps=STEPS, sabotage=sabotage)
    assert not compare(broken, reference()).passes


@pytest.mark.parametrize("zero", [0, 1, 2, 3])
def test_accumulation_may_change_from_step_to_step(zero: int) -> None:
    """Batch-size ramp-up: 2, 4, 6 and 6 sequences, so 1, 2, 3 and 3 micro-batches on each of two ranks."""
    ramp = {"batch": {"sequences": 6, "ramp_up": {"start": 2, "step": 2, "samples": 4}}}
    case = Case(workers=2, zero=zero, offload="optimizer" if zero == 2 else "none")
    expected = curve_of(Case(engine="reference", micro_batch=1), steps=STEPS, training=ramp)
    difference = compare(curve_of(case, steps=STEPS, training=ramp), expected)
    assert difference.passes, difference


@pytest.mark.parametrize("case", [Case(workers=2, zero=2, micro_batch=2), Case(workers=2, zero=3, micro_batch=2)], ids=str)
def test_tied_embeddings(case: Case) -> None:
    assert_parity(case, model={"tie_embeddings": True})


@pytest.mark.parametrize("zero", [1, 3])
def test_z_loss(zero: int) -> None:
    assert_parity(Case(workers=2, zero=zero, micro_batch=2), training={"z_loss": 1e-3})


@pytest.mark.parametrize("zero", [2, 3])
def test_recomputation(zero: int) -> None:
    assert_parity(Case(workers=2, zero=zero, micro_batch=2, recompute="full"))


def test_adafactor_at_stage_0() -> None:
    optimizer = {"name": "adafactor", "lr": 0.1, "clip_norm": 1.0}
    assert_parity(Case(workers=2, zero=0, micro_batch=2), training={"optimizer": optimizer})


@pytest.mark.parametrize("zero", [0, 1, 2, 3])
def test_bf16_means_the_same_at_every_stage(zero: int) -> None:
    """bf16 weights and fp32 masters, accumulation and reduction, so only rare last-digit roundings differ.

    At stage 0 DeepSpeed takes the gradient norm of bf16-rounded gradients.
    """
    sections = {"training": {"precision": "bf16"}}
    case = Case(workers=2, zero=zero, micro_batch=2)
    difference = compare(curve_of(case, steps=STEPS, **sections), reference(**sections))
    assert difference.loss <= 5e-3
    assert difference.grad_norm <= 5e-3
