"""What became of a mixture's documents, for people (a page of HTML) and for data catalogues (a Croissant card).

facts.py      report.json of a prepared folder, read back; what is missing is not a zero
groups.py     sums by language, by step and reason
consumed.py   what a run took of each source, from its ledger
markup.py     elements, words, numbers, bars; the only ways for text from a corpus into the page
tables.py     tables that sort
style.py      colours, light and dark, phone and paper
script.py     sorting, narrowing, opening
sections/     the parts of the page
page.py       the whole page
croissant.py  the card

A prepared folder is enough: neither sources nor steps are read again.
"""

from __future__ import annotations

import json
from pathlib import Path

from data_pipeline.prepared import Prepared
from data_pipeline.report.consumed import Consumed
from data_pipeline.report.croissant import croissant
from data_pipeline.report.facts import Forecast, facts_of
from data_pipeline.report.page import render_page

__all__ = ["write_report"]


def write_report(
    prepared: Prepared, out: Path, consumed: Consumed | None = None, forecast: Forecast | None = None
) -> tuple[Path, Path]:
    """Writes the page to `out` and the card beside it; returns both paths. Raises DataError for a damaged report.json.

    consumed, forecast: what a run has taken so far, and is to take in all.
    """
    facts = facts_of(prepared).model_copy(update={"forecast": forecast})
    card = out.with_suffix(".croissant.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(render_page(facts, consumed), encoding="utf-8")
    said = croissant(prepared, facts, beside=card.parent)
    card.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", errors="replace")
    return out, card
