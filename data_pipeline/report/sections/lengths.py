"""How long documents are, in tokens: a histogram over powers of two for all, and a small one for each language."""

from __future__ import annotations

from collections.abc import Sequence

from data_pipeline.report.facts import Facts
from data_pipeline.report.groups import Group, by_language
from data_pipeline.report.markup import count, opens, section, words
from data_pipeline.report.sections.languages import name_of
from orchestrator.units import format_count

_DRAWN = 12


def lengths(facts: Facts) -> str:
    """The section; "" when lengths were not measured."""
    everything = Group(name="all", sources=facts.sources)
    groups = [group for group in by_language(facts.sources) if group.lengths]
    if not groups:
        return ""
    bins = len(everything.lengths)
    small = [_figure(group, bins) for group in groups]
    more = opens(f"{len(small) - _DRAWN} more languages", f'<div class="small">{"".join(small[_DRAWN:])}</div>', "plain") if len(small) > _DRAWN else ""
    inside = histogram(everything.lengths, bins, "tall") + (f'<div class="small">{"".join(small[:_DRAWN])}</div>{more}' if len(small) > 1 else "")
    return section("Lengths of documents", "Documents in the shards by their tokens; each bar is twice as long as the one before.", inside, "lengths")


def histogram(numbers: Sequence[int], bins: int, kind: str = "") -> str:
    """`numbers[i]` documents of 2**i to 2**(i + 1) - 1 tokens; `bins` wide, so that several stand under one another."""
    most, wide = max(numbers), 1000 / bins
    drawn = "".join(
        f'<rect x="{place * wide + wide * 0.06:.1f}" y="{97 - 95 * number / most:.1f}" width="{wide * 0.88:.1f}" height="{95 * number / most:.1f}" class="kept">'
        f"<title>{2**place:,} to {2 ** (place + 1) - 1:,} tokens: {number:,} documents</title></rect>"
        for place, number in enumerate(numbers) if number
    )  # fmt: skip
    marks = [0, bins // 4, bins // 2, 3 * bins // 4, bins] if bins >= 4 else [0, bins]
    ends = "".join(f"<span>{words(format_count(2**mark))}</span>" for mark in marks)
    svg = f'<svg class="lengths {kind}" viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="documents by length in tokens">{drawn}<rect x="0" y="98" width="1000" height="1" class="axis"/></svg>'
    return f'{svg}<div class="ends">{ends}</div>'


def _figure(group: Group, bins: int) -> str:
    return f"<figure><figcaption>{name_of(group)} <small>{count(sum(group.lengths))} documents</small></figcaption>{histogram(group.lengths, bins)}</figure>"
