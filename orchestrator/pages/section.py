"""The base of everything that a page can say, and the value types that units give it.

A section is frozen, takes only keywords, refuses keys it does not know, and never converts one type
into another behind the user's back: `"8"` is not 8, `1` is not true.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from orchestrator import units


class Section(BaseModel):
    """One mapping of a page.

    `alternatives` names groups of keys of which at most one is said (`tokens` or `steps`): an
    override of one takes the place of the others. `automatic` names the keys of which the single word `auto` in
    the section's place speaks: an override of one leaves the others `auto`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())
    alternatives: ClassVar[tuple[tuple[str, ...], ...]] = ()
    automatic: ClassVar[tuple[str, ...]] = ()


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return "a section" if isinstance(value, dict) else "a list" if isinstance(value, tuple) else str(value).lower()


def _text_or_number(parse: Any) -> Any:
    def convert(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError(f"expected a number or a number with a unit, found {_shown(value)}; fix: write 8 or '8K'")
        if isinstance(value, float) and parse is not units.parse_duration:
            if not value.is_integer():
                raise ValueError(f"expected a whole number, found {value!r}; fix: write a whole number, such as 8")
            value = int(value)
        if isinstance(value, int) and abs(value) > units.LARGEST:
            raise ValueError(f"{value:.4g} does not fit in 64 bits; fix: write at most {units.LARGEST}")
        return parse(value)

    return convert


def _amount(value: Any) -> units.Amount:
    if isinstance(value, units.Amount):
        return value
    amount: units.Amount = _text_or_number(units.parse_amount)(value)
    if amount.value < 0:
        raise ValueError(f"expected an amount of at least 0, found {value!r}; fix: write '100 steps'")
    return amount


_number_or_text = [{"type": "integer"}, {"type": "string"}]
Count = Annotated[
    int,
    BeforeValidator(_text_or_number(units.parse_count)),
    WithJsonSchema({"anyOf": _number_or_text, "description": "a count: 2048, 500K, 375M, 366B"}),
]
Bytes = Annotated[
    int,
    BeforeValidator(_text_or_number(units.parse_bytes)),
    WithJsonSchema({"anyOf": _number_or_text, "description": "a size: 512MiB, 80GiB, 2TB"}),
]
Duration = Annotated[
    float,
    BeforeValidator(_text_or_number(units.parse_duration)),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}], "description": "a duration: 30s, 10m, 2h, 1d"}),
]
Length = Annotated[
    units.Amount,
    BeforeValidator(_amount),
    PlainSerializer(lambda amount: f"{amount.value} {amount.unit}", return_type=str),
    WithJsonSchema({"anyOf": _number_or_text, "description": "an amount: 100 steps, 375M tokens, 10K samples"}),
]
