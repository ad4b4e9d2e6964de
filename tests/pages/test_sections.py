"""A page against a section: nothing is converted behind the user's back, and every finding is in the user's words.

The messages of the real pages are in test_bad_pages.py; here is the machinery, on sections made for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from orchestrator.errors import PageError
from orchestrator.pages import (
    Bytes,
    Count,
    Duration,
    Length,
    Section,
    apply_overrides,
    parse_overrides,
    parse_page,
    read_page,
    validate,
)
from orchestrator.pages.resolved import render_resolved
from orchestrator.units import Amount


class Cat(Section):
    kind: Literal["cat"]
    lives: int = Field(default=9, gt=0)


class Dog(Section):
    kind: Literal["dog"]
    tricks: tuple[str, ...] = ()


class House(Section):
    name: str = "house"
    size: Bytes = 0
    people: Count = 1
    wait: Duration = 1.0
    every: Length = Field(default="1 steps", validate_default=True)
    open: bool = False
    rent: float | None = None
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    others: tuple[Annotated[Cat | Dog, Field(discriminator="kind")], ...] = ()


def house(text: str) -> House:
    return validate(parse_page(text, "p.yaml"), House)


def problems(text: str) -> list[tuple[int, str, str, str]]:
    with pytest.raises(PageError) as caught:
        house(text)
    return [(problem.line, problem.path, problem.message, problem.fix) for problem in caught.value.problems]


def test_units_become_numbers() -> None:
    found = house("size: 80GiB\npeople: 366B\nwait: 10m\nevery: 375M tokens\n")
    assert (found.size, found.people, found.wait) == (80 * 2**30, 366 * 10**9, 600.0)
    assert found.every == Amount(375_000_000, "tokens")


@pytest.mark.parametrize(
    "text", ['rent: "8"', "open: 1", 'open: "true"', "name: 8", "people: true", "people: [1]", "people: 1.5", "wait: null", "rent: yes"]
)
def test_nothing_is_converted(text: str) -> None:
    assert len(problems(text)) == 1


def test_a_whole_number_may_be_written_as_one() -> None:
    assert (house("people: 1e3").people, house("rent: 8").rent) == (1000, 8.0)


def test_a_section_is_frozen_and_takes_only_keywords() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        house("name: a").name = "b"
    with pytest.raises(TypeError):
        House("a")  # type: ignore[call-arg]


def test_a_union_is_told_apart_by_its_tag() -> None:
    assert house("pet: {kind: cat, lives: 3}").pet == Cat(kind="cat", lives=3)
    assert problems("pet: {kind: cat, trick: [a]}") == [(1, "pet.trick", "unknown key; this section knows kind, lives", "remove it")]
    assert problems("pet: {kind: cow}") == [(1, "pet.kind", "found 'cow'; allowed: cat, dog", "choose one of: cat, dog")]


def test_a_list_of_sections_names_its_item() -> None:
    text = "others:\n  - {kind: dog, tricks: [sit]}\n  - {kind: cat, lifes: 3}\n"
    assert problems(text) == [(3, "others[1].lifes", "unknown key; this section knows kind, lives", "write `lives`")]


def test_a_file_is_read_and_named(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("nmae: x\n")
    with pytest.raises(PageError, match=r"p\.yaml:1:1: nmae: unknown key; .*\n    fix: write `name`"):
        read_page(tmp_path / "p.yaml", House)


class TestOverrides:
    def test_values_are_yaml(self) -> None:
        found = parse_overrides("a=1 b=1e-4 c=[0.9,0.95] d='two words' e=null f={x:  ,}".replace("{x:  ,}", "'{x: 1}'"))
        assert [override.value for override in found] == [1, 1e-4, (0.9, 0.95), "two words", None, {"x": 1}]

    def test_an_equals_sign_in_the_value_is_part_of_it(self) -> None:
        assert parse_overrides("a.b=c=d")[0].value == "c=d"

    def test_several_texts_are_one_list(self) -> None:
        assert [override.path for override in parse_overrides(["a=1 b=2", "c.d=3"])] == [("a",), ("b",), ("c", "d")]

    def test_the_first_page_is_left_alone(self) -> None:
        page = parse_page("pet: {kind: cat}\n", "p.yaml")
        apply_overrides(page, parse_overrides("pet.lives=3"), House)
        assert page.data == {"pet": {"kind": "cat"}}

    def test_a_mistake_stands_at_the_override(self) -> None:
        page = apply_overrides(parse_page("name: a\n", "p.yaml"), parse_overrides("pet.kind=cow"), House)
        with pytest.raises(PageError, match=r"^SET pet\.kind=cow: pet\.kind: found 'cow'"):
            validate(page, House)


def test_a_resolved_page_says_where_each_value_is_from() -> None:
    page = apply_overrides(parse_page("name: a\npet:\n  kind: cat\n", "p.yaml"), parse_overrides("size=1KiB"), House)
    lines = render_resolved(validate(page, House), page).splitlines()
    origins = {line.split(":")[0].strip(): line.partition("# ")[2] for line in lines}
    assert (origins["name"], origins["kind"], origins["lives"]) == ("p.yaml:1", "p.yaml:3", "default")
    assert (origins["size"], origins["open"]) == ("SET size=1KiB", "default")
    assert validate(parse_page("\n".join(lines), "r.yaml"), House) == validate(page, House)
