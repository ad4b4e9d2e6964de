"""Each source: a table of all, and behind each name everything that is known of it."""

from __future__ import annotations

from html import escape

from data_pipeline.report.facts import Facts, SourceFacts, StepFacts
from data_pipeline.report.groups import Group
from data_pipeline.report.markup import (
    about,
    anchor,
    count,
    decimal,
    link,
    named,
    opens,
    section,
    share,
    size,
    words,
)
from data_pipeline.report.sections.copies import clusters_of
from data_pipeline.report.sections.examples import of_source, unread
from data_pipeline.report.sections.languages import in_and_out
from data_pipeline.report.sections.lengths import histogram
from data_pipeline.report.sections.overview import kept_share
from data_pipeline.report.tables import Column, number, table

_ROOM = 1500
"""Examples of all sources together, so that a page of 500 sources can still be opened."""


def sources(facts: Facts) -> str:
    """Two sections: the table, and one entry a source that opens."""
    columns: list[Column[Group]] = [
        Column(head="Source", shown=lambda group: link(group.name)),
        Column(head="Language", shown=lambda group: named(group.sources[0].language or "")),
        *in_and_out(),
        number("Kept", _kept, share, "of its documents"),
        number("Tokens/word", lambda group: group.fertility, decimal, "fertility"),
        number("Bytes/token", lambda group: group.bytes_per_token, decimal),
        number("Unread", lambda group: group.sources[0].rejected.records, count, "records and files that could not be read"),
        Column(head="Licence", shown=lambda group: _licence(group.sources[0].licence or "")),
    ]
    groups = [Group(name=source.name, sources=(source,)) for source in facts.sources]
    field = '<input type="search" hidden placeholder="name, language or licence" aria-label="narrow the sources" data-narrows="{}">'
    few = len(groups) < 8
    everything = table(columns, groups, key="all-sources")
    reasons = sum(len(step.examples) for source in facts.sources for step in source.steps)
    room = max(1, min(5, _ROOM // max(reasons, 1)))
    entries = "".join(_entry(source, room) for source in facts.sources)
    return section("Sources", "", ("" if few else field.format("#all-sources tbody tr")) + everything, "sources") + section(
        "Each source", "", ("" if few else field.format("details.source")) + entries, "each"
    )


def _licence(said: str) -> str:
    """Some sources say a paragraph."""
    return f'<div class="cut" title="{escape(said)}">{named(said)}</div>'


def _kept(group: Group) -> float | None:
    return group.ratio(lambda source: source.kept.documents, lambda source: source.read.documents)


def _entry(source: SourceFacts, room: int) -> str:
    language = f"{named(source.language)} · " if source.language else ""
    head = f"{named(source.name)}<span class=told>{language}{about(source.tokens)} tokens · {kept_share(source)} of documents kept</span>"
    found = " ".join(filter(None, (source.name, source.language, source.licence)))
    inside = _said(source) + _steps(source, room) + _unread(source) + clusters_of(source) + _lengths(source) + _personal(source)
    body = f'<div class="inner" id="{anchor(source.name)}">{inside}</div>'
    return f'<details class="plain source" data-words="{escape(found)}"><summary>{head}</summary>{body}</details>'


def _said(source: SourceFacts) -> str:
    parts = [
        ("kind", words(source.kind) if source.kind else ""),
        ("content", words(source.content)),
        ("licence", named(source.licence) if source.licence else ""),
        ("asked share", share(source.weight) if source.weight is not None else ""),
        ("text kept", size(source.kept.bytes)),
        ("training", f"{count(source.train.documents)} documents, {about(source.train.tokens)} tokens"),
        ("held out", f"{count(source.validation.documents)} documents, {about(source.validation.tokens)} tokens"),
    ]
    notes = dict.fromkeys(note for step in source.steps for note in step.notes)
    told = "".join(f'<p class="note">{words(note)}</p>' for note in notes)
    return f'<p class="note">{" · ".join(f"{name}: {value}" for name, value in parts if value)}</p>{told}'


def _steps(source: SourceFacts, room: int) -> str:
    if not source.steps:
        return ""
    columns: list[Column[StepFacts]] = [
        Column(head="Step", shown=lambda step: words(step.step)),
        number("Read", lambda step: step.read, count),
        number("Kept", lambda step: step.kept, count),
        number("Changed", lambda step: step.changed, count),
        number("Characters taken out", lambda step: step.characters_read - step.characters_kept, count),
        Column(head="Dropped for", shown=lambda step: ", ".join(f"{words(reason)} {count(number)}" for reason, number in step.dropped.items())),
    ]
    shown = "".join(
        opens(f"{words(step.step)}: {words(reason)}", "".join(of_source(each) for each in said[:room]))
        for step in source.steps for reason, said in step.examples.items() if said
    )  # fmt: skip
    measured = "".join(_measures(step) for step in source.steps if step.measures)
    return f"{table(columns, source.steps)}{shown}{measured}"


def _measures(step: StepFacts) -> str:
    rows = [(name, said) for name, said in step.measures.items() if isinstance(said, dict)]
    heads = list(dict.fromkeys(key for _, said in rows for key in said))
    columns: list[Column[tuple[str, dict[str, object]]]] = [Column(head="Measure", shown=lambda row: words(row[0]))]
    columns += [_measure(head) for head in heads]
    return opens(f"{words(step.step)}: what it measured", table(columns, rows)) if rows else ""


def _measure(head: str) -> Column[tuple[str, dict[str, object]]]:
    return Column(head=head, shown=lambda row: _value(row[1].get(head)))


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else words(str(value)) if value is not None else ""


def _unread(source: SourceFacts) -> str:
    rejected = source.rejected
    if not rejected.records:
        return ""
    return f"<h3>{count(rejected.records)} records could not be read</h3>{unread(rejected.examples)}"


def _lengths(source: SourceFacts) -> str:
    numbers = Group(name=source.name, sources=(source,)).lengths
    return f'<h3>Lengths in tokens</h3><div class="small"><figure>{histogram(numbers, len(numbers))}</figure></div>' if numbers else ""


def _personal(source: SourceFacts) -> str:
    found = ", ".join(f"{words(kind)} {count(number)}" for kind, number in (source.personal_data or {}).items())
    return f'<p class="note">Personal data replaced: {found}.</p>' if found else ""
