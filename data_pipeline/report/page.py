"""A prepared mixture as one page of HTML that needs nothing else: its own style, drawings and script, no address.

Nobody can read 500 sources' cleaning by running it again. The page is what stays: what was lost, where, why, and what it
looked like.
"""

from __future__ import annotations

from html import escape

from data_pipeline.report.consumed import Consumed
from data_pipeline.report.facts import Facts
from data_pipeline.report.markup import section
from data_pipeline.report.script import SCRIPT
from data_pipeline.report.sections.copies import copies
from data_pipeline.report.sections.funnel import funnel
from data_pipeline.report.sections.languages import languages
from data_pipeline.report.sections.lengths import lengths
from data_pipeline.report.sections.mixture import mixture
from data_pipeline.report.sections.overview import attention, figures, header
from data_pipeline.report.sections.personal import personal
from data_pipeline.report.sections.sources import sources
from data_pipeline.report.style import style

_PARTS = {
    "heed": "To look at", "dropped": "Dropped", "languages": "Languages", "mixture": "Mixture", "lengths": "Lengths",
    "copies": "Copies", "personal": "Personal data", "sources": "Sources", "each": "Each source",
}  # fmt: skip


def render_page(facts: Facts, consumed: Consumed | None = None) -> str:
    """The whole page."""
    parts = [
        section("To look at", "", attention(facts, consumed), "heed"),
        funnel(facts),
        languages(facts),
        mixture(facts, consumed),
        lengths(facts),
        copies(facts),
        personal(facts),
        sources(facts),
    ]
    body = "\n".join(part for part in parts if part)
    links = "".join(f'<li><a href="#{key}">{title}</a></li>' for key, title in _PARTS.items() if f'<section id="{key}">' in body)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(facts.mixture)}: data report</title>\n<style>{style()}</style></head>\n"
        f"<body>\n{header(facts)}{figures(facts)}<nav aria-label=\"parts of the page\"><ul>{links}</ul></nav>\n{body}\n{_footer(facts)}\n"
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def _footer(facts: Facts) -> str:
    told = (
        "Read: documents before the first step. Out: documents that stand in the shards, held out ones included. "
        "Text is counted in bytes of UTF-8, before the first step and after the last. Tokens include one end for each document."
    )
    return f"<footer><p>{told}</p><p>Fingerprint <code>{escape(facts.fingerprint)}</code></p></footer>"
