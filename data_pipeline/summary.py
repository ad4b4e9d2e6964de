"""What a preparation came to, for the terminal: a line for each source, then where it lies."""

from __future__ import annotations

import json
from typing import Any

from data_pipeline.prepared import Prepared
from orchestrator.units import format_bytes, format_count

_MOST = 40  # sources shown; all of them are in the report
_REASONS = 3


def table_of(prepared: Prepared) -> Any:
    """A rich renderable."""
    from rich.console import Group
    from rich.table import Table

    report = json.loads((prepared.folder / "report.json").read_bytes())["sources"]
    ordered = sorted(prepared.sources, key=lambda source: -source.train_tokens)
    total = sum(source.weight for source in prepared.sources)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", expand=True)
    table.add_column("source", no_wrap=True)
    for name in ("kept", "of", "text", "tokens", "held out", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("dropped most", overflow="ellipsis", no_wrap=True, ratio=1)
    for source in ordered[:_MOST]:
        facts = report[source.name]
        table.add_row(
            source.name, f"{source.documents:,}", f"{facts['read']['documents']:,}", format_bytes(facts["kept"]["bytes"]),
            format_count(source.train_tokens), format_count(source.validation_tokens), f"{source.weight / total:.1%}", _dropped(facts),
        )  # fmt: skip
    rest = len(ordered) - _MOST
    lines = [f"and {rest} more sources"] if rest > 0 else []
    size = sum(size for size, _ in prepared.files.values())
    lines.append(
        f"{len(ordered)} sources, {format_count(prepared.train_tokens)} training tokens, a vocabulary of {prepared.vocab_size:,}, "
        f"{format_bytes(size)} in {prepared.folder}"
    )
    return Group(table, *lines)


def _dropped(facts: dict[str, Any]) -> str:
    lost = {reason: number for step in facts["steps"] for reason, number in step["dropped"].items()}
    lost["exact copy"] = facts["exact_copies"]
    lost["no document"] = facts["rejected"]["records"]
    most = sorted(((number, reason) for reason, number in lost.items() if number), reverse=True)
    more = f", {len(most) - _REASONS} more" if len(most) > _REASONS else ""
    return ", ".join(f"{number:,} {reason}" for number, reason in most[:_REASONS]) + more
