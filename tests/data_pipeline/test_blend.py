"""Weights: from tokens, with a temperature, uniform up to so many epochs, as said, mixed; and stages from a page."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from data_pipeline.blend import (
    ScheduleSection,
    StageSection,
    WeightsSection,
    by_tokens,
    stages_of,
    unimax,
    unknown_sources,
    weights_of,
)
from data_pipeline.order import Admission, SampleOrder, Stage
from orchestrator.errors import DataError

NAMES = ("books", "code", "web")
SCHEDULE: TypeAdapter = TypeAdapter(ScheduleSection)


def test_alpha_one_is_in_proportion_and_alpha_zero_is_equal() -> None:
    assert by_tokens((100, 300, 600), alpha=1) == pytest.approx((0.1, 0.3, 0.6))
    assert by_tokens((100, 300, 600), alpha=0) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_alpha_raises_what_is_small_as_xlm_does() -> None:
    """q_i = p_i**alpha / sum of p_j**alpha, computed with numpy in one line from the published formula."""
    tokens = np.array([1, 10, 100, 10_000])
    published = (tokens / tokens.sum()) ** 0.3
    assert by_tokens(tokens.tolist(), alpha=0.3) == pytest.approx((published / published.sum()).tolist())
    said = WeightsSection(temperature=1 / 0.3).shares(tokens.tolist())
    assert said == pytest.approx(WeightsSection(alpha=0.3).shares(tokens.tolist()))


def test_unimax_is_the_pseudocode_of_its_paper() -> None:
    """Algorithm 1, line by line, on a budget that small sources cannot take their share of."""
    counts, budget, epochs = np.array([5, 40, 300, 9000]), 2000, 4
    left, expected = float(budget), np.zeros(4)
    for place, source in enumerate(np.argsort(counts)):
        share = left / (len(counts) - place)
        expected[source] = counts[source] * epochs if share > counts[source] * epochs else share
        left -= expected[source]
    assert unimax(counts.tolist(), budget=budget, epochs=epochs) == pytest.approx((expected / expected.sum()).tolist())
    assert expected.tolist() == [20, 160, 910, 910]


def test_unimax_holds_its_epochs() -> None:
    tokens = (500, 4_000, 90_000)
    weights = unimax(tokens, budget=60_000, epochs=4)
    assert max(60_000 * weight / count for weight, count in zip(weights, tokens, strict=True)) == pytest.approx(4)


def test_weights_that_are_all_said_are_taken_as_they_are() -> None:
    assert weights_of(NAMES, (1, 1, 1), (7, 2, 0.1), WeightsSection()) == (7, 2, 0.1)


def test_sources_without_a_weight_share_what_is_left() -> None:
    weights = weights_of(NAMES, (999, 100, 300), (0.6, None, None), WeightsSection())
    assert weights == pytest.approx((0.6, 0.1, 0.3))


def test_nothing_left_is_an_error_with_the_numbers() -> None:
    with pytest.raises(DataError, match=r"\(books 7, code 2\) sum to 9 and leave nothing of 1 for web; say shares"):
        weights_of(NAMES, (1, 1, 1), (7, 2, None), WeightsSection())
    with pytest.raises(DataError, match="no weight can be worked out for code, without training tokens"):
        weights_of(NAMES, (1, 0, 1), (None, None, None), WeightsSection())


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"alpha": 0.5, "temperature": 2.0}, "both are said; fix: remove one"),
        ({"by": "unimax"}, "unimax needs epochs and budget"),
        ({"by": "unimax", "epochs": 4.0, "budget": "1B", "alpha": 0.5}, "unimax needs epochs and budget"),
        ({"epochs": 4.0}, "epochs belong to unimax"),
        ({"alpha": 1.5}, "less than or equal to 1"),
    ],
)
def test_what_does_not_belong_together_is_refused(said: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        WeightsSection.model_validate(said)


def schedule(*stages: dict) -> tuple[StageSection, ...]:
    return SCHEDULE.validate_python(tuple(StageSection.model_validate(stage) for stage in stages))


def stages(*said: dict, **more: int) -> tuple[Stage, ...]:
    options = {"names": NAMES, "weights": (0.5, 0.3, 0.2), "sequence_length": 2048, **more}
    return stages_of(schedule(*said), **options)  # type: ignore[arg-type]


def test_no_schedule_is_one_stage_without_end() -> None:
    assert stages() == (Stage(weights=(0.5, 0.3, 0.2), sequence_length=2048),)


def test_an_end_in_tokens_is_put_where_a_batch_ends_and_no_chunk_is_cut() -> None:
    warm, long, last = stages(
        {"until": "1M tokens", "sequence_length": 512}, {"until": "9M tokens"}, {"weights": {"web": 1.0}}, batch=6
    )
    assert (warm.samples, warm.sequence_length) == (1956, 512)  # 1,000,000 / 512 = 1953.1; a multiple of 6 and of 4 samples a chunk
    assert warm.samples % 12 == 0
    assert (long.samples, long.sequence_length) == (3906, 2048)  # from 1,001,472 to 9,000,960 tokens
    assert last == Stage(weights=(0.0, 0.0, 1.0), sequence_length=2048)


def test_an_end_in_samples_is_exact_or_refused_with_the_nearest() -> None:
    assert stages({"until": "120 samples"}, {}, batch=8)[0].samples == 120
    with pytest.raises(DataError, match=r"multiple of 8 samples .* write 120 or 128 samples"):
        stages({"until": "121 samples"}, {}, batch=8)


def test_stages_make_an_order() -> None:
    planned = stages({"until": "100 samples"}, {"until": "400 samples", "weights": {"code": 1.0, "web": 1.0}}, {})
    admission = Admission(tokens=(10**6,) * 3, complete=(True,) * 3)
    order = SampleOrder(admissions=(admission,), stages=planned, seed=0, fingerprint="f", names=NAMES)
    source = order.locate(np.arange(400))[0]
    assert np.bincount(source[:100]).tolist() == [50, 30, 20]
    assert np.bincount(source[100:]).tolist() == [0, 150, 150]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (({"until": "5 steps"}, {}), "does not know how long a step is"),
        (({}, {}), "stage 1 of 2 has no end, but others follow"),
        (({"until": "5 samples"},), "stage 1 of 1 is the last and ends"),
        (({"until": "5 samples"}, {"until": "5K tokens"}, {}), "all in one unit"),
        (({"until": "9 samples"}, {"until": "9 samples"}, {}), "stage 2 ends at 9, where it begins at 9"),
        (({"weights": {"web": 0.0}},), "no source has a weight above 0"),
        (({"weights": {"web": -1.0}},), "greater than or equal to 0"),
    ],
)
def test_schedules_that_cannot_be_are_refused(said: tuple[dict, ...], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        schedule(*said)


def test_an_unknown_source_is_named_with_the_nearest() -> None:
    assert unknown_sources(schedule({"weights": {"web": 1.0}}), NAMES) is None
    told = unknown_sources(schedule({"until": "5 samples"}, {"weights": {"boks": 1.0}}), NAMES)
    assert told == "stage 2: unknown source 'boks'; did you mean 'books'? (there are: books, code, web)"
