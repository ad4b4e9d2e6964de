"""A plan in the format that was asked for."""

from __future__ import annotations

import json

from orchestrator.planning.plan import Plan
from orchestrator.planning.render.report import report_of
from orchestrator.planning.render.text import render

FORMATS = ("text", "json", "html")


def written(plan: Plan, title: str, form: str, *, width: int, colour: bool) -> str:
    """The plan as `text`, `json` or `html`; width and colour matter to text alone."""
    if form == "json":
        return json.dumps(report_of(plan).as_dict(), indent=1)
    if form == "html":
        from orchestrator.planning.render.html import render_html  # a screen answers sooner without it

        return render_html(report_of(plan), title)
    return render(plan, title, width=width, colour=colour)
