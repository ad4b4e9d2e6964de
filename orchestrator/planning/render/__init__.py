"""A plan to look at: one screen of text, one page of HTML, or all of its numbers as JSON.

    numbers      report.py      what all three show beyond the plan itself
                 band.py        how far off the estimates were where they could be checked
                 scaling.py     the same run on fewer and on more devices, planned anew at each count
                 timeline.py    the pipeline's schedule of one step
    words        parts.py       what a rank's memory and a step's time are made of
                 candidates.py  a layout in a few words
                 words.py       short times
    a screen     text.py        all of it; stages.py a row per stage, bars.py bars, lines.py wrapping and colour
                 overflow.py    which stage of a refused layout overflows, by how much
    a page       html.py        all of it; tables.py, plots/ one drawing per file, svg.py strokes, style.py colours and type
    the choice   formats.py     text, json or html
"""

from orchestrator.planning.render.overflow import Overflow, overflow_of, refusal, render_overflow
from orchestrator.planning.render.report import Report, report_of
from orchestrator.planning.render.text import render

__all__ = ["Overflow", "Report", "overflow_of", "refusal", "render", "render_overflow", "report_of"]
