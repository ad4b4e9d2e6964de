"""Tables that sort: a column is a head, what is shown of each row, and the number it is ordered by.

Without a script a table is whole and in its first order; the script only turns rows round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Generic, TypeVar

_MANY = 6
Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class Column(Generic[Row]):
    """`shown` gives markup. With `value` the column is one of numbers, set to the right; None goes last, whatever the order."""

    head: str
    shown: Callable[[Row], str]
    value: Callable[[Row], float | None] | None = None
    tip: str = ""


def number(head: str, value: Callable[[Row], float | None], shown: Callable[[float | None], str], tip: str = "") -> Column[Row]:
    """A column of numbers, each shown by `shown`."""
    return Column(head=head, shown=lambda row: shown(value(row)), value=value, tip=tip)


def table(columns: Sequence[Column[Row]], rows: Sequence[Row], *, total: Row | None = None, key: str = "") -> str:
    """The table; `total` is a last row that stays last, `key` an id by which a field can narrow it."""
    heads = "".join(_head(column) for column in columns)
    body = "".join(f"<tr>{_cells(columns, row)}</tr>" for row in rows)
    foot = f"<tfoot><tr>{_cells(columns, total)}</tr></tfoot>" if total is not None else ""
    named = f' id="{key}"' if key else ""
    kind = "sorts wide" if len(columns) >= _MANY else "sorts"
    return f'<div class="scroll"><table class="{kind}"{named}><thead><tr>{heads}</tr></thead><tbody>{body}</tbody>{foot}</table></div>'


def _head(column: Column[Row]) -> str:
    kind = ' class="number"' if column.value else ""
    tip = f' title="{escape(column.tip)}"' if column.tip else ""
    return f'<th scope="col"{kind}{tip}><button type="button">{escape(column.head)}</button></th>'


def _cells(columns: Sequence[Column[Row]], row: Row) -> str:
    return "".join(_cell(column, row) for column in columns)


def _cell(column: Column[Row], row: Row) -> str:
    if column.value is None:
        return f"<td>{column.shown(row)}</td>"
    value = column.value(row)
    return f'<td class="number"{f" data-v={value:.10g}" if value is not None else ""}>{column.shown(row)}</td>'
