"""Training state moves between any two layouts: weights and moments bit for bit, and the curve goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.parity import Case, megatron, micro_batches
from orchestrator.planning.mesh import coordinates
from tests.distributed import run_distributed
from tests.plans import MODELS

LOSS_LIMIT = 1e-5
LAYOUTS = {
    "reference": Case(engine="reference", micro_batch=4),
    "zero0": Case(workers=2, zero=0),
    "zero1": Case(workers=2, zero=1),
    "zero2-offload": Case(workers=1, zero=2, offload="optimizer"),
    "zero2": Case(workers=2, zero=2),
    "zero3": Case(workers=4, zero=3),
    "zero3-offload": Case(workers=2, zero=3, offload="parameters"),
}
TIED = {"model": {"tie_embeddings": True}}
Arrays = dict[str, np.ndarray]
Saved = tuple[Arrays, dict[str, Any]]


def small(sections: dict[str, Any]) -> dict[str, Any]:
    """With a batch of 4 sequences: this file is about state, and runs many steps."""
    return {**sections, "training": {"batch": {"sequences": 4}, **sections.get("training", {})}}


def build(case: Case, sections: dict[str, Any]) -> Any:
    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device

    engine = make_engine(case.engine)
    engine.build(case.plan(20, small(sections)), Device(kind="cpu"))
    return engine


def steps(case: Case, engine: Any, numbers: range) -> list[float]:
    from torch import distributed

    plan = case.plan(20, small({}))
    data = coordinates(plan.layout, distributed.get_rank()).data
    return [
        engine.train_step(micro_batches(plan, engine.objective, number, data), lr=plan.schedule.lr(number)).loss
        for number in numbers
    ]


def owned(engine: Any) -> list[tuple[str, tuple[int, ...], tuple[int, ...], np.ndarray]]:
    return [
        (box.key, box.global_shape, box.offsets, box.tensor.numpy().copy())
        for box in engine.state().boxes
        if box.owned
    ]


def save_and_go_on(case: Case, sections: dict[str, Any], more: int) -> tuple[list[Any], dict[str, Any], list[float]]:
    """On each rank: 3 steps, the state, and the losses of the steps that follow."""
    engine = build(case, sections)
    steps(case, engine, range(1, 4))
    pieces, scalars = owned(engine), dict(engine.state().scalars)
    losses = steps(case, engine, range(4, 4 + more))
    engine.close()
    return pieces, scalars, losses


def restore_each(
    case: Case, sources: dict[str, Saved], sections: dict[str, Any], more: int
) -> dict[str, tuple[list[Any], list[float]]]:
    """On each rank, for each saved state: the state after restoring it, and the losses of the next steps."""
    import torch

    engine = build(case, sections)
    results = {}
    for name, (arrays, scalars) in sources.items():
        state = engine.state()
        for box in state.boxes:
            index = tuple(
                slice(first, first + size) for first, size in zip(box.offsets, box.tensor.shape, strict=True)
            )
            box.tensor.copy_(torch.from_numpy(arrays[box.key][index]))
        state.scalars.update(scalars)
        engine.restore(state)
        results[name] = (owned(engine), steps(case, engine, range(4, 4 + more)))
    engine.close()
    return results


def assembled(pieces_of_ranks: list[list[Any]]) -> Arrays:
    """Global tensors from the owned boxes of all ranks; fails unless they tile each exactly once."""
    arrays: Arrays = {}
    counts: dict[str, np.ndarray] = {}
    for key, shape, offsets, piece in (piece for pieces in pieces_of_ranks for piece in pieces):
        index = tuple(slice(first, first + size) for first, size in zip(offsets, piece.shape, strict=True))
        arrays.setdefault(key, np.empty(shape, np.float32))[index] = piece
        counts.setdefault(key, np.zeros(shape, np.int64))[index] += 1
    for key, count in counts.items():
        assert (count == 1).all(), f"{key} is not tiled exactly once"
    return arrays


def save(case: Case, sections: dict[str, Any], more: int = 3) -> tuple[Saved, list[float]]:
    answers = run_distributed(save_and_go_on, case.workers, case, sections, more)
    return (assembled([pieces for pieces, _, _ in answers]), answers[0][1]), answers[0][2]


@pytest.fixture(scope="module")
def saved() -> dict[str, tuple[Saved, list[float]]]:
    return {name: save(case, {}) for name, case in LAYOUTS.items()}


def test_every_layout_owns_the_same_tensors(saved: dict[str, tuple[Saved, list[float]]]) -> None:
    expected = {key: array.shape for key, array in saved["reference"][0][0].items()}
    assert "weights/model.layers.1.mlp.down_proj.weight" in expected
    assert "optimizer/exp_avg_sq/lm_head.weight" in expected
    for (arrays, scalars), _ in saved.values():
        assert {key: array.shape for key, array in arrays.items()} == expected
        assert scalars == {"optimizer/step": 3}


@pytest.mark.parametrize("target", LAYOUTS)
def test_any_layout_goes_on_from_any_other(target: str, saved: dict[str, tuple[Saved, list[float]]]) -> None:
    case = LAYOUTS[target]
    sources = {name: state for name, (state, _) in saved.items()}
    answers = run_distributed(restore_each, case.workers, case, sources, {}, 3)
    for source, (state, expected) in saved.items():
        restored = assembled([answer[source][0] for answer in answers])
        for key, array in state[0].items():
            assert np.array_equal(restored[key], array), f"{key} changed between {source} and {target}"
        losses = answers[0][source][1]
        if source == target:
            assert losses == expected, "the same layout continues bit for bit"
        assert max(abs(one - other) for one, other in zip(losses, expected, strict=True)) <= LOSS_LIMIT


def test_tied_weights_travel_once() -> None:
    source, target = LAYOUTS["zero3-offload"], LAYOUTS["zero1"]
    state, expected = save(source, TIED)
    assert not any("lm_head" in key for key in state[0])
    answers = run_distributed(restore_each, target.workers, target, {"source": state}, TIED, 3)
    losses = answers[0]["source"][1]
    assert max(abs(one - other) for one, other in zip(losses, expected, strict=True)) <= LOSS_LIMIT


@pytest.mark.parametrize("target", ["zero0", "zero1", "zero3"])
def test_bf16_masters_travel_in_fp32(target: str) -> None:
    sections = {"training": {"precision": "bf16"}}
    state, expected = save(LAYOUTS["zero2"], sections)
    case = LAYOUTS[target]
    answers = run_distributed(restore_each, case.workers, case, {"source": state}, sections, 3)
    restored = assembled([answer["source"][0] for answer in answers])
    assert all(np.array_equal(restored[key], array) for key, array in state[0].items())
    losses = answers[0]["source"][1]
    assert max(abs(one - other) for one, other in zip(losses, expected, strict=True)) <= 5e-3


def test_factored_moments_travel_too() -> None:
    sections = {"training": {"optimizer": {"name": "adafactor", "lr": 0.1, "clip_norm": 1.0}}}
    state, expected = save(LAYOUTS["reference"], sections)
    case = LAYOUTS["zero0"]
    answers = run_distributed(restore_each, case.workers, case, {"source": state}, sections, 3)
    losses = answers[0]["source"][1]
    assert max(abs(one - other) for one, other in zip(losses, expected, strict=True)) <= LOSS_LIMIT


MOVES = {
    "zero1 x2": Case(workers=2, zero=1),
    "zero3 x4": Case(workers=4, zero=3),
    "tp2 pp2": megatron(workers=4, tensor=2, pipeline=2, sequence_parallel=True),
    "dp2 tp2": megatron(workers=4, tensor=2),
    "ep2 tp2": megatron(workers=4, expert=2, tensor=2, sequence_parallel=True),
}
"""Between the engines and every kind of cut."""


@pytest.mark.parametrize("family", MODELS)
def test_runs_move_between_the_engines_and_every_kind_of_cut(family: str) -> None:
    """Weights and both moments bit for bit, and 10 steps more as if nothing had happened."""
    more = 10
    cases = {
        name: replace(case, family=family)
        for name, case in MOVES.items()
        if case.expert == 1 or "experts" in MODELS[family]
    }
    saved = {name: save(case, {}, more) for name, case in cases.items()}
    tensors = {key for arrays, _ in (state for state, _ in saved.values()) for key in arrays}
    for target, case in cases.items():
        sources = {name: state for name, (state, _) in saved.items()}
        answers = run_distributed(restore_each, case.workers, case, sources, {}, more)
        for source, (state, expected) in saved.items():
            restored = assembled([answer[source][0] for answer in answers])
            assert restored.keys() == tensors
            for key, array in state[0].items():
                assert np.array_equal(restored[key], array), f"{key} changed between {source} and {target}"
            losses = answers[0][source][1]
            assert losses == pytest.approx(expected, rel=1e-4), f"{source} to {target}"


def test_a_tied_head_on_another_stage_travels_once() -> None:
    source, target = megatron(workers=2, pipeline=2), Case(workers=2, zero=1)
    state, expected = save(source, TIED)
    assert not any("lm_head" in key for key in state[0])
    answers = run_distributed(restore_each, target.workers, target, {"source": state}, TIED, 3)
    assert answers[0]["source"][1] == pytest.approx(expected, rel=1e-5)


def test_bf16_masters_travel_between_the_engines() -> None:
    sections = {"training": {"precision": "bf16"}}
    state, _ = save(Case(workers=2, zero=2), sections)
    for case in (megatron(workers=4, tensor=2), replace(megatron(workers=4, tensor=2), zero=0), megatron(workers=2, pipeline=2)):
        answers = run_distributed(restore_each, case.workers, case, {"source": state}, sections, 1)
        restored = assembled([answer["source"][0] for answer in answers])
        assert all(np.array_equal(restored[key], array) for key, array in state[0].items())
