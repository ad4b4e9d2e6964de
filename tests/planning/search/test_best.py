"""The search finds what estimating every layout would find: its best are the best, and what it leaves out is not."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.planning import make_plan
from orchestrator.planning.layout import Layout
from orchestrator.planning.rules import breaks_no_rule
from orchestrator.planning.search import Judge, Space, search
from tests.planning.models import BLOOM, LLAMA, SMALL, gpus, page
from tests.planning.search.cases import EXPERTS, SPACES, WIDE, batch, space

LARGER: dict[str, dict[str, Any]] = {
    "two nodes of a wide model": {"model": WIDE, "cluster": gpus(2, 4, "A100-40GB"), **batch(8)},
    "eight experts' ranks": {"model": {**EXPERTS, "layers": 4}, "cluster": gpus(1, 8), **batch(2)},
}
ALL = SPACES | LARGER


def ranked(found: Space, judge: Judge, share: float = 0.95) -> list[tuple[float, Layout]]:
    """Every layout that fits, by time; of `selective` and `none` that are the same in time and memory, `none` alone."""
    layouts = [layout for layout in found.layouts() if judge.fits(layout, share)]
    return sorted(
        ((float(f"{judge.time(layout)[0]:.9e}"), layout) for layout in layouts if not _twin(judge, layout)), key=lambda pair: pair[0]
    )


def _twin(judge: Judge, layout: Layout) -> bool:
    plain = replace(layout, recompute="none")
    same = judge.time(layout)[0] == judge.time(plain)[0] and judge.memory(layout)[0] == judge.memory(plain)[0]
    return layout.recompute == "selective" and same


@pytest.mark.parametrize("name", ALL)
def test_regret_is_nothing(name: str) -> None:
    found, judge = space(**ALL[name])
    every = ranked(found, judge)
    best = search(found, judge, share=0.95).best
    assert [rank[0] for rank, *_ in best] == [time for time, _ in every[:5]]


@pytest.mark.parametrize("name", ALL)
def test_what_is_found_is_legal_fits_and_leaves_room(name: str) -> None:
    found, judge = space(**ALL[name])
    device = judge.hardware.device.memory
    for _, layout, step, memory in search(found, judge, share=0.95).best:
        assert breaks_no_rule(found.case_of(layout))
        assert memory.total <= 0.95 * device
        assert step.total > 0


@pytest.mark.parametrize("name", ALL)
def test_no_layout_is_faster_than_its_bound(name: str) -> None:
    found, judge = space(**ALL[name])
    for shape in found.shapes():
        for place in found.places(shape):
            for room in found.rooms(shape, *place):
                for modes in found.modes(shape.engine):
                    time, _ = judge.time(found.layout(shape, *place, *room, modes))
                    assert judge.bound(shape, place, room, modes.recompute) <= time


def test_bounds_hold_for_published_models_too() -> None:
    rng = random.Random(0)
    for model, cluster in ((BLOOM, gpus(48)), (LLAMA, gpus(256))):
        found, judge = space(model, cluster, batch={"sequences": 2048})
        shapes = [shape for shape in found.shapes() if found.places(shape)]
        for _ in range(150):
            shape = rng.choice(shapes)
            place = rng.choice(found.places(shape))
            room, modes = rng.choice(found.rooms(shape, *place)), rng.choice(found.modes(shape.engine))
            time, _ = judge.time(found.layout(shape, *place, *room, modes))
            assert judge.bound(shape, place, room, modes.recompute) <= time


@pytest.mark.parametrize("model", [SMALL, WIDE, EXPERTS], ids=["small", "wide", "experts"])
def test_more_devices_are_never_slower_than_leaving_them_idle(model: dict[str, Any]) -> None:
    before = math.inf
    for count in (1, 2, 3, 4, 6, 8):
        best = search(*space(model, gpus(1, count), **batch(12)), share=1.0).best
        now = best[0][0][0] if best else math.inf
        assert now <= before
        before = now


def test_a_choice_is_the_same_every_time() -> None:
    plans = [make_plan(page(WIDE, "auto", **batch(24)), gpus(3, 4)) for _ in range(2)]
    assert plans[0].candidates == plans[1].candidates
    assert plans[0].layout == plans[0].candidates[0].layout


def test_most_layouts_are_never_estimated() -> None:
    found, judge = space(BLOOM, gpus(48), batch={"sequences": 2048})
    result = search(found, judge, share=0.95)
    assert result.best
    assert result.estimated < found.count() / 50
    assert result.bound > result.best[-1][0][0]
