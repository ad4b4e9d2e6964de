"""YAML text becomes plain values that remember their place, by the rules of YAML 1.2 and none of YAML 1.1's surprises."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import PageError
from orchestrator.pages.tree import Place, dotted, parse_page, read_page_tree, scalar

SCALARS: dict[str, Any] = {
    "1": 1, "-3": -3, "+4": 4, "1_000": 1000, "010": 10, "0": 0,
    "1.5": 1.5, "1.": 1.0, ".5": 0.5, "-.5e3": -500.0, "1e-4": 1e-4, "1E3": 1000.0, "3e5": 3e5, "1_0.5": 10.5, "1e400": math.inf,
    "true": True, "True": True, "false": False, "null": None, "~": None, "": None, ".inf": math.inf, "-.inf": -math.inf,
    # text, whatever YAML 1.1 thinks of it
    "no": "no", "yes": "yes", "on": "on", "off": "off", "12:30": "12:30", "0x10": "0x10", "0o7": "0o7", "1e": "1e",
    "e5": "e5", "+.e3": "+.e3", ".": ".", "-": "-", "_1": "_1", "1.2.3": "1.2.3", "2023-01-01": "2023-01-01", "366B": "366B",
    "9" * 500: "9" * 500,
}  # fmt: skip


@pytest.mark.parametrize("text", SCALARS, ids=lambda text: text[:20] or "nothing")
def test_a_word_is_what_it_looks_like(text: str) -> None:
    found = scalar(text)
    assert (found, type(found)) == (SCALARS[text], type(SCALARS[text]))


def test_nan_is_a_number() -> None:
    assert math.isnan(scalar(".nan"))


@given(st.text(max_size=20))
def test_no_word_breaks_the_reader(text: str) -> None:
    """`seed: e5` and `seed: +.e3` ended in a traceback of float()."""
    assert isinstance(scalar(text), bool | int | float | str | None)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive(number: float) -> None:
    assert scalar(repr(number)) == number


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3).map(tuple)
    | st.dictionaries(st.text(st.characters(categories=["Ll"]), min_size=1, max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text(st.characters(categories=["Ll"]), min_size=1, max_size=5), VALUES, min_size=1, max_size=4))
def test_json_is_read_as_it_is(value: dict[str, Any]) -> None:
    """JSON is YAML; every value comes back, lists as tuples, quoted text as text."""
    assert parse_page(json.dumps(value, ensure_ascii=False), "page.json").data == value


PAGE = """\
# a comment
model:
  layers: 2     # another
  betas: [0.9,
          0.95]
stages:
  - {name: one}
  - name: two
"""


class TestPlaces:
    def test_values_and_keys_know_line_and_column(self) -> None:
        page = parse_page(PAGE, "p.yaml")
        assert page.keys[("model",)] == Place("p.yaml", 2, 1)
        assert page.values[("model", "layers")] == Place("p.yaml", 3, 11)
        assert page.values[("model", "betas", 1)] == Place("p.yaml", 5, 11)
        assert page.values[("stages", 1, "name")] == Place("p.yaml", 8, 11)

    def test_a_section_stands_at_its_key(self) -> None:
        assert parse_page(PAGE, "p.yaml").place(("model",)) == Place("p.yaml", 2, 1)

    def test_what_was_not_said_stands_at_the_section_around_it(self) -> None:
        page = parse_page(PAGE, "p.yaml")
        assert page.place(("model", "heads")) == Place("p.yaml", 2, 1)
        assert page.place(("training", "batch", "sequences")) == Place("p.yaml", 2, 1)

    def test_a_byte_order_mark_moves_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "p.yaml").write_bytes("\ufeffa: 1\n".encode())
        assert read_page_tree(tmp_path / "p.yaml").values[("a",)].column == 4

    @pytest.mark.parametrize(
        ("path", "text"), [((), ""), (("a",), "a"), (("a", "b"), "a.b"), (("stages", 0, "name"), "stages[0].name")]
    )
    def test_dotted(self, path: tuple[str | int, ...], text: str) -> None:
        assert dotted(path) == text


def test_all_problems_of_the_tree_are_told() -> None:
    with pytest.raises(PageError) as caught:
        parse_page("a: 1\na: 2\nb: !x 3\n", "p.yaml")
    assert [(problem.line, problem.path) for problem in caught.value.problems] == [(2, "a"), (3, "b")]


@given(st.text(max_size=60))
def test_any_text_is_a_page_or_a_page_error(text: str) -> None:
    try:
        page = parse_page(text, "p.yaml")
    except PageError as error:
        assert all(problem.line >= 1 and problem.fix for problem in error.problems)  # noqa: PT017
    else:
        assert isinstance(page.data, dict)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_page_or_a_page_error(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(raw)
    try:
        read_page_tree(path)
    except PageError as error:
        assert "\n    fix: " in str(error)  # noqa: PT017
