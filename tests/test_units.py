"""Numbers as people write them, to numbers and back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.units import (
    LARGEST,
    Amount,
    format_bytes,
    format_count,
    format_duration,
    parse_amount,
    parse_bytes,
    parse_count,
    parse_duration,
)

COUNTS = {
    "2048": 2048, "500K": 500_000, "375M": 375_000_000, "366B": 366 * 10**9, "366b": 366 * 10**9, "1.4T": 14 * 10**11, "1G": 10**9,
    "2_048": 2048, " 8 ": 8, "8 K": 8000, "1e3": 1000, "1.5e3": 1500, "-5": -5, "0": 0, str(LARGEST): LARGEST,
    "6.738415616B": 6_738_415_616,
}  # fmt: skip
BYTES = {"512MiB": 2**29, "80GiB": 80 * 2**30, "80GB": 80 * 10**9, "1.9GiB": 2_040_109_466, "2TB": 2 * 10**12, "1.5KiB": 1536, "7": 7, "7B": 7, "1PiB": 2**50}
DURATIONS = {"30s": 30.0, "10m": 600.0, "10min": 600.0, "2h": 7200.0, "1d": 86400.0, "1w": 604800.0, "250ms": 0.25, "1.5h": 5400.0, "8": 8.0}
AMOUNTS = {
    "100 steps": Amount(100, "steps"), "1 step": Amount(1, "steps"), "375M tokens": Amount(375_000_000, "tokens"),
    "10K samples": Amount(10_000, "samples"), "1 Token": Amount(1, "tokens"), "7": Amount(7, "steps"), "2K": Amount(2000, "steps"),
}  # fmt: skip


@pytest.mark.parametrize("text", COUNTS)
def test_counts(text: str) -> None:
    assert parse_count(text) == COUNTS[text]


@pytest.mark.parametrize("text", BYTES)
def test_bytes(text: str) -> None:
    assert parse_bytes(text) == BYTES[text]


@pytest.mark.parametrize("text", DURATIONS)
def test_durations(text: str) -> None:
    assert parse_duration(text) == DURATIONS[text]


@pytest.mark.parametrize("text", AMOUNTS)
def test_amounts(text: str) -> None:
    assert parse_amount(text) == AMOUNTS[text]


@pytest.mark.parametrize(
    ("parse", "text", "says"),
    [
        (parse_count, "many", "expected a count, found 'many'; fix: write a count such as 2048, 500K"),
        (parse_count, "", "expected a count"),
        (parse_count, "5Q", "found '5Q'"),
        (parse_count, "1.5", "'1.5' is not a whole number"),
        (parse_count, "10000000T", "does not fit in 64 bits"),
        (parse_count, "1e400", "does not fit in 64 bits"),
        (parse_count, "9" * 5000, r"found '9{60}\.\.\.'"),
        (parse_count, "80GiB", "expected a count"),
        (parse_bytes, "80GX", "expected a size, found '80GX'; fix: write a size such as 512MiB"),
        (parse_bytes, "0.5", "not a whole number"),
        (parse_duration, "10 parsecs", "expected a duration, found '10 parsecs'"),
        (parse_amount, "5 stepps", "expected an amount, found '5 stepps'; fix: write an amount such as '100 steps'"),
        (parse_amount, "5 million tokens", "expected an amount"),
        (parse_amount, "x tokens", "expected a count, found 'x'"),
        (parse_amount, "", "expected an amount"),
    ],
)
def test_what_is_not_understood_says_what_is(parse: Callable[[str], object], text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(text)


def test_numbers_pass_through() -> None:
    assert (parse_count(5), parse_bytes(5), parse_duration(5), parse_amount(5)) == (5, 5, 5.0, Amount(5, "steps"))


@given(st.integers(-LARGEST, LARGEST))
def test_a_plain_count_is_exact(value: int) -> None:
    assert parse_count(str(value)) == parse_count(f"{value:_}") == value


@given(st.integers(0, LARGEST))
def test_a_shown_count_reads_back_to_three_figures(value: int) -> None:
    assert parse_count(format_count(value)) == pytest.approx(value, rel=0.006)


@given(st.integers(0, 2**60))
def test_a_shown_size_reads_back(value: int) -> None:
    assert parse_bytes(format_bytes(value).replace(" ", "")) == pytest.approx(value, rel=0.06)


@given(st.integers(0, 10**12), st.sampled_from(["steps", "tokens", "samples"]))
def test_an_amount_reads_back(value: int, unit: str) -> None:
    assert parse_amount(f"{value} {unit}") == Amount(value, unit)  # type: ignore[arg-type]


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_count, parse_bytes, parse_duration, parse_amount):
        try:
            parse(text)
        except ValueError as error:
            assert "; fix: " in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (1000, "1K"), (999_950, "1M"), (6_738_415_616, "6.74B"), (366 * 10**9, "366B"), (1.5, "1.5"), (12 * 10**15, "12000T")],
)
def test_counts_are_shown_shortly(value: float, text: str) -> None:
    assert format_count(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (80 * 2**30, "80.0 GiB"), (3 * 2**50, "3.0 PiB")])
def test_sizes_are_shown_in_binary_units(value: int, text: str) -> None:
    assert format_bytes(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "0.25s"), (59.4, "59.4s"), (60, "1m 00s"), (605, "10m 05s"), (3599.9, "1h 00m"), (7260, "2h 01m"), (93_784, "1d 2h")],
)
def test_durations_are_shown_in_two_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
