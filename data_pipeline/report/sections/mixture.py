"""The mixture: the share that each source was asked for, what it has, what a run will take of it, and what a run has taken."""

from __future__ import annotations

from collections.abc import Callable

from data_pipeline.report.consumed import Consumed
from data_pipeline.report.facts import Facts, SourceFacts
from data_pipeline.report.groups import by_language
from data_pipeline.report.markup import (
    UNMEASURED,
    about,
    bar,
    bars,
    count,
    link,
    named,
    opens,
    row,
    section,
    share,
    words,
)
from data_pipeline.report.sections.languages import name_of
from data_pipeline.report.sections.overview import epochs_taken
from data_pipeline.report.tables import Column, number, table

_DRAWN = 25
Value = Callable[[SourceFacts], float | None]


def mixture(facts: Facts, consumed: Consumed | None) -> str:
    """The section, with the run's own numbers where there is one."""
    told, realised = _realised(facts, consumed)
    inside = _plot(facts, realised) + _table(facts, consumed)
    forecast = facts.forecast
    planned = f" Forecast of {forecast.samples:,} samples of {forecast.sequence_length:,} tokens." if forecast else " There is no forecast."
    return section("Mixture", f"{told}{planned}", inside, "mixture")


def _realised(facts: Facts, consumed: Consumed | None) -> tuple[str, Value]:
    """What a source's bar shows: the best that is known of what training takes."""
    if consumed is not None:
        told = f"Bars: what {words(consumed.run)} has taken, {count(consumed.tokens)} tokens in {count(consumed.step)} steps. Marks: what was asked."
        return told, lambda source: consumed.share(source.name)
    forecast = facts.forecast
    if forecast is not None:
        return "Bars: what a run is to take. Marks: what was asked.", lambda source: _planned_share(facts, source)
    tokens = sum(source.train.tokens or 0 for source in facts.sources)
    return "Bars: the share of the training tokens that there are. Marks: what was asked.", lambda source: (source.train.tokens or 0) / tokens if tokens else None


def _planned_share(facts: Facts, source: SourceFacts) -> float | None:
    forecast = facts.forecast
    if forecast is None or source.name not in forecast.sources:
        return None
    return forecast.sources[source.name].samples / forecast.samples if forecast.samples else None


def _plot(facts: Facts, realised: Value) -> str:
    """By language where there are many sources, else by source."""
    many = len(facts.sources) > _DRAWN
    groups = [(name_of(group), group.sources) for group in by_language(facts.sources)] if many else [(link(source.name), (source,)) for source in facts.sources]
    sums = [(head, sum(source.weight or 0.0 for source in members), sum(realised(source) or 0.0 for source in members)) for head, members in groups]
    sums.sort(key=lambda entry: -entry[1])
    most = max((max(asked, given) for _, asked, given in sums), default=0.0)
    if not most:
        return ""
    drawn = [
        row(head, bar([(given / most, "kept", share(given))], marks=[(asked / most, f"asked: {share(asked)}")]), f"{share(given)} · asked {share(asked)}")
        for head, asked, given in sums
    ]
    legend = '<ul class="legend"><li><i class="kept"></i>given</li><li><i class="mark"></i>asked</li></ul>'
    rest = opens(f"{len(drawn) - _DRAWN} more", f'<div class="short">{bars(drawn[_DRAWN:])}</div>', "plain") if len(drawn) > _DRAWN else ""
    return f'{legend}<div class="short">{bars(drawn[:_DRAWN])}</div>{rest}'


def _table(facts: Facts, consumed: Consumed | None) -> str:
    columns: list[Column[SourceFacts]] = [
        Column(head="Source", shown=lambda source: link(source.name)),
        Column(head="Language", shown=lambda source: named(source.language or "")),
        number("Training tokens", lambda source: source.train.tokens, about),
        number("Asked", lambda source: source.weight, share),
    ]
    if facts.forecast is not None:
        planned = facts.forecast.sources
        columns += [
            number("Forecast", lambda source: _planned_share(facts, source), share),
            number("Epochs", lambda source: planned[source.name].epochs if source.name in planned else None, _epochs),
        ]
    if any(source.max_epochs is not None for source in facts.sources):
        columns.append(Column(head="Cap", shown=lambda source: "" if source.max_epochs is None else _epochs(source.max_epochs), value=lambda source: source.max_epochs))
    if consumed is not None:
        columns += [
            number("Taken", lambda source: consumed.of(source.name).tokens, about, f"tokens that {consumed.run} trained on"),
            number("Share", lambda source: consumed.share(source.name), share),
            number("Epochs taken", lambda source: epochs_taken(source, consumed), _epochs),
        ]
    rows = sorted(facts.sources, key=lambda source: (-(source.weight or 0.0), source.name))
    made = table(columns, rows)
    return made if len(rows) <= _DRAWN else opens(f"all {len(rows)} sources", made, "plain")


def _epochs(value: float | None) -> str:
    if value is None:
        return UNMEASURED
    return f"{value:,.2f}" if value >= 0.01 or not value else "&lt; 0.01"
