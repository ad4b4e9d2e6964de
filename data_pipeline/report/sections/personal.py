"""Personal data: how much of each kind was found and replaced by its tag, where, and what stood around it."""

from __future__ import annotations

from data_pipeline.report.facts import Facts
from data_pipeline.report.groups import Group, by_language
from data_pipeline.report.markup import bar, bars, count, link, opens, row, section, words
from data_pipeline.report.sections.examples import of_source
from data_pipeline.report.sections.languages import name_of
from data_pipeline.report.tables import Column, number, table

_SAMPLES = 8


def personal(facts: Facts) -> str:
    """The section; that nothing was looked for is said too."""
    totals = Group(name="all", sources=facts.sources).personal_data
    if totals is None:
        told = "Nothing was looked for: no step of this mixture replaces personal data, or none says what it found."
        return section("Personal data", told, "<p></p>", "personal")
    if not totals:
        return section("Personal data", "Looked for, and none was found.", "<p></p>", "personal")
    most = max(totals.values())
    drawn = [row(words(kind), bar([(found / most, "kept", f"{found:,}")]), count(found)) for kind, found in totals.items()]
    samples = "".join(_samples(facts, kind) for kind in totals)
    inside = f'<div class="short">{bars(drawn)}</div>' + (f'<h3>Samples</h3><div class="inner">{samples}</div>' if samples else "")
    told = "Each finding was replaced by the tag of its kind. Samples show what stood around it; what was found is not kept."
    return section("Personal data", told, inside + _by_language(facts, list(totals)), "personal")


def _samples(facts: Facts, kind: str) -> str:
    found = [(source.name, each) for source in facts.sources for each in source.personal_data_samples.get(kind, ())[:1]]
    shown = "".join(of_source(each, f"{link(name)} · ") for name, each in found[:_SAMPLES])
    return opens(words(kind), shown) if shown else ""


def _by_language(facts: Facts, kinds: list[str]) -> str:
    groups = [group for group in by_language(facts.sources) if group.personal_data]
    columns: list[Column[Group]] = [Column(head="Language", shown=name_of), *(_kind(kind) for kind in kinds)]
    columns.append(number("per million characters", lambda group: group.ratio(lambda source: sum((source.personal_data or {}).values()) * 1e6, lambda source: source.characters), lambda value: "" if value is None else f"{value:,.1f}"))
    return opens("by language", table(columns, groups), "plain")


def _kind(kind: str) -> Column[Group]:
    return number(kind, lambda group: (group.personal_data or {}).get(kind, 0), count)
