"""Sums over sources: nothing counted twice, nothing that was not measured counted as zero."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.report.facts import Facts, SourceFacts
from data_pipeline.report.groups import Group, by_language, stages
from tests.data_pipeline.report.facts import facts

numbers = st.none() | st.integers(1, 1000)


def group(*sources: dict[str, Any]) -> Group:
    made = tuple(SourceFacts.model_validate({"name": f"s{place}", **said}) for place, said in enumerate(sources))
    return Group(name="g", sources=made)


def test_a_ratio_leaves_out_what_one_side_does_not_have() -> None:
    assert group({"tokens": 30, "words": 10}, {"tokens": 1000}, {"words": 7}).fertility == 3.0
    assert group({"tokens": 1000}).fertility is None


@given(st.lists(numbers, min_size=1, max_size=8))
def test_a_sum_is_of_what_is_measured(tokens: list[int | None]) -> None:
    measured = [each for each in tokens if each is not None]
    assert group(*({"tokens": each} for each in tokens)).sum(lambda source: source.tokens) == (sum(measured) if measured else None)


@given(st.lists(st.lists(st.integers(0, 9), max_size=12), max_size=5))
def test_lengths_add_up(lengths: list[list[int]]) -> None:
    found = group(*({"lengths": each} for each in lengths)).lengths
    assert sum(found) == sum(map(sum, lengths))
    assert not found or found[-1]


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=6), min_size=1, max_size=6))
def test_stages_lose_no_step_and_count_every_document(names: list[list[str]]) -> None:
    """Each source's steps stand in the stages once, and no document is dropped twice."""
    sources = {f"s{place}": {"steps": [{"step": name, "dropped": {"r": 1}, "read": 5} for name in each]} for place, each in enumerate(names)}
    made = stages(Facts.model_validate({"mixture": "m", "fingerprint": "f", "sources": sources}).sources, 3)
    assert sum(stage.dropped for stage in made) == sum(map(len, names))
    assert sum(stage.read for stage in made) == 5 * sum(map(len, names))
    found = {stage.name for stage in made}
    assert len(found) == len(made) == len({(name, each[: at + 1].count(name)) for each in names for at, name in enumerate(each)})


@given(st.integers(0, 4), st.integers(0, 4))
def test_pages_steps_come_after_each_sources_own(first: int, second: int) -> None:
    own = ["a", "b", "c", "d"]
    sources = {"one": own[:first], "two": own[::-1][:second] if first == 0 else own[:second]}
    said = {name: {"steps": [{"step": step} for step in [*steps, "x", "y"]]} for name, steps in sources.items()}
    made = [stage.name for stage in stages(Facts.model_validate({"mixture": "m", "fingerprint": "f", "sources": said}).sources, 3)]
    for steps in sources.values():
        places = [made.index(step) for step in [*steps, "x", "y"]]
        assert places == sorted(places)


def test_a_step_that_comes_twice_is_two_stages() -> None:
    said = {"a": {"steps": [{"step": "small", "dropped": {"r": 1}}, {"step": "other"}, {"step": "small", "dropped": {"r": 2}}]}}
    made = stages(Facts.model_validate({"mixture": "m", "fingerprint": "f", "sources": said}).sources, 3)
    assert [(stage.name, stage.dropped) for stage in made] == [("small", 1), ("other", 0), ("small (2)", 2)]


def test_examples_are_taken_in_turn() -> None:
    shown = [{"id": str(number), "text": "t"} for number in range(5)]
    said = {name: {"steps": [{"step": "s", "dropped": {"r": 5}, "examples": {"r": shown}}]} for name in ("a", "b")}
    [made] = stages(Facts.model_validate({"mixture": "m", "fingerprint": "f", "sources": said}).sources, 3)
    assert [(each.source, each.said["id"]) for each in made.examples["r"]] == [("a", "0"), ("b", "0"), ("a", "1")]


def test_languages_come_before_programming_languages() -> None:
    assert [group.name for group in by_language(facts().sources)] == ["fr", "python"]
