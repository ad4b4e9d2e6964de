"""A plan to look at: one screen of text, one page of HTML, or all of its numbers as JSON.

    report.py      what all three show beyond the plan itself: utilisation by convention, reliability, band, scaling
    band.py        how far off the estimates were where they could be checked
    scaling.py     the same run on fewer and on more devices, planned anew at each count
    timeline.py    the pipeline's schedule of one step, as data
    overflow.py    the layout that was refused, and which of its stages overflow by how much
    parts.py       the parts of memory and of a step, named and lettered for both renderers
    lines.py       words and columns that never pass the screen's edge; colour
    text.py        one screen of text
    html.py        one self-contained page; style.py its CSS, svg.py the strokes, plots/ one drawing per file
"""

from orchestrator.planning.render.overflow import Overflow, overflow_of, render_overflow
from orchestrator.planning.render.report import Report, report_of
from orchestrator.planning.render.text import render

__all__ = ["Overflow", "Report", "overflow_of", "render", "render_overflow", "report_of"]
