"""Numbers with units, as people write them: `80GiB`, `366B`, `375M tokens`, `10m`, `1e-4`.

A training page full of zeros hides its mistakes: 366000000000 and 36600000000 look alike. Counts
use decimal suffixes (K, M, B = 1e9, T), bytes use binary (KiB, MiB, GiB, TiB) or decimal (KB, MB,
GB, TB) ones, durations use s, m, h, d. Every parser raises ValueError with the forms it accepts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

AmountUnit = Literal["steps", "tokens", "samples"]

_COUNT = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "g": 10**9, "t": 10**12}
_BYTES = {
    "": 1, "b": 1,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "pb": 10**15,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40, "pib": 2**50,
}  # fmt: skip
_SECONDS = {"": 1.0, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_NUMBER_AND_SUFFIX = re.compile(r"\s*([+-]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9]+)?)\s*([A-Za-z]*)\s*")
LARGEST = 2**63 - 1
_LONGEST = 60


def _split(text: str, suffixes: dict[str, int] | dict[str, float], forms: str) -> tuple[float, str, str]:
    match = _NUMBER_AND_SUFFIX.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None or match[2].lower() not in suffixes:
        shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
        raise ValueError(f"expected {forms.partition(' such')[0]}, found {shown!r}; fix: write {forms}")
    return float(match[1].replace("_", "")), match[1].replace("_", ""), match[2].lower()


def _whole(text: str, suffixes: dict[str, int], forms: str, *, rounded: bool = False) -> int:
    number, digits, suffix = _split(text, suffixes, forms)
    value = int(digits) * suffixes[suffix] if digits.lstrip("+-").isdigit() else number * suffixes[suffix]
    if abs(value) > LARGEST:
        raise ValueError(f"{text!r} does not fit in 64 bits; fix: write at most {LARGEST}")
    if not (rounded and suffixes[suffix] > 1) and abs(value - round(value)) > 1e-6 * max(1.0, abs(value) * 1e-9):
        raise ValueError(f"{text!r} is not a whole number; fix: write {forms}")
    return round(value)


def parse_count(text: str | int) -> int:
    """`366B` -> 366_000_000_000. Suffixes K, M, B (or G), T; decimal; case does not matter."""
    return text if isinstance(text, int) else _whole(text, _COUNT, "a count such as 2048, 500K, 375M or 366B")


def parse_bytes(text: str | int) -> int:
    """`80GiB` -> 85_899_345_920 bytes. Binary (KiB ... PiB) and decimal (KB ... PB) suffixes; 1.9GiB is rounded."""
    return text if isinstance(text, int) else _whole(text, _BYTES, "a size such as 512MiB, 80GiB or 2TB", rounded=True)


def parse_duration(text: str | int | float) -> float:
    """`10m` -> 600.0 seconds. Suffixes ms, s, m (or min), h, d, w."""
    if isinstance(text, int | float):
        return float(text)
    number, _, suffix = _split(text, _SECONDS, "a duration such as 30s, 10m, 2h or 1d")
    return number * _SECONDS[suffix]


@dataclass(frozen=True)
class Amount:
    """A length of training in one of the three units that people use: steps, tokens or samples."""

    value: int
    unit: AmountUnit

    def __str__(self) -> str:
        return f"{format_count(self.value)} {self.unit}"


def parse_amount(text: str | int) -> Amount:
    """`100 steps`, `375M tokens`, `9_765_625 samples`; a bare number counts steps."""
    if isinstance(text, int):
        return Amount(text, "steps")
    words = text.split()
    units: dict[str, AmountUnit] = {
        "step": "steps", "steps": "steps", "token": "tokens", "tokens": "tokens", "sample": "samples", "samples": "samples",
    }  # fmt: skip
    forms = "an amount such as '100 steps', '375M tokens' or '10K samples'"
    if len(words) == 1:
        return Amount(parse_count(words[0]), "steps")
    if len(words) != 2 or words[1].lower() not in units:
        raise ValueError(f"expected an amount, found {text!r}; fix: write {forms}")
    return Amount(parse_count(words[0]), units[words[1].lower()])


def format_count(value: float) -> str:
    """Shortest form with three figures: 366_000_000_000 -> `366B`, 6_738_415_616 -> `6.74B`."""
    if abs(value) >= 999.5e12:
        return f"{value / 1e12:.0f}T"
    for suffix, scale in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if abs(value) >= scale * 0.9995:
            return f"{value / scale:.3g}{suffix}"
    return f"{value:.3g}" if isinstance(value, float) and not value.is_integer() else str(int(value))


def format_bytes(value: float) -> str:
    """85_899_345_920 -> `80.0 GiB`."""
    for suffix, scale in (("PiB", 2**50), ("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if abs(value) >= scale:
            return f"{value / scale:.1f} {suffix}"
    return f"{int(value)} B"


def format_duration(seconds: float) -> str:
    """93_784 -> `1d 2h`; 605 -> `10m 05s`; 0.25 -> `0.25s`."""
    if seconds < 60:
        return f"{seconds:.3g}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {minutes:02d}m" if hours else f"{minutes}m {rest:02d}s"
