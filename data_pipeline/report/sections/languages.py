"""Each language: what went in and came out, and how well the tokenizer writes it."""

from __future__ import annotations

from data_pipeline.report.facts import Facts
from data_pipeline.report.groups import Group, by_language
from data_pipeline.report.markup import (
    about,
    bar,
    bars,
    count,
    decimal,
    language,
    named,
    opens,
    row,
    section,
    share,
    size,
)
from data_pipeline.report.tables import Column, number, table

_DRAWN = 60


def languages(facts: Facts) -> str:
    """The section, with a table and a plot of fertility."""
    groups = by_language(facts.sources)
    tokens = sum(source.tokens or 0 for source in facts.sources) or None
    asked = any(source.weight is not None for source in facts.sources)
    columns: list[Column[Group]] = [
        Column(head="Language", shown=name_of),
        number("Sources", lambda group: len(group.sources), count),
        *in_and_out(),
        number("Share of tokens", lambda group: _part(group.sum(lambda source: source.tokens), tokens), share),
        *([number("Asked", lambda group: group.sum(lambda source: source.weight), share, "share of the training tokens that the mixture asks for")] if asked else []),
        number("Tokens/word", lambda group: group.fertility, decimal, "fertility: tokens by words"),
        number("Bytes/token", lambda group: group.bytes_per_token, decimal),
    ]  # fmt: skip
    everything = Group(name="all", sources=facts.sources)
    return section("Languages", "", table(columns, groups, total=everything) + _fertility(groups), "languages")


def in_and_out() -> list[Column[Group]]:
    """Documents, text and tokens of some sources."""
    return [
        number("Docs in", lambda group: group.sum(lambda source: source.read.documents), count),
        number("Docs out", lambda group: group.sum(lambda source: source.kept.documents), count),
        number("Text in", lambda group: group.sum(lambda source: source.read.bytes), size),
        number("Text out", lambda group: group.sum(lambda source: source.kept.bytes), size),
        number("Tokens", lambda group: group.sum(lambda source: source.tokens), about, "held out ones included"),
    ]


def name_of(group: Group) -> str:
    """The language of a group, its name where the reader's browser knows it; a sum and what is not said are none."""
    [content, *others] = {source.content for source in group.sources}
    known = group.sources[0].language == group.name
    return language(group.name, content) if known and not others else named(group.name)


def _part(value: float | None, of: float | None) -> float | None:
    return None if value is None or not of else value / of


def _fertility(groups: list[Group]) -> str:
    known = sorted(((group.fertility, group) for group in groups if group.fertility is not None), key=lambda entry: (entry[0], entry[1].name))
    if not known:
        return ""
    most = known[-1][0]
    drawn = [
        row(name_of(group), bar([(value / most, "code" if group.sources[0].content == "code" else "kept", f"{value:.2f} tokens per word")]),
            f"{value:.2f} · {decimal(group.bytes_per_token)} bytes")
        for value, group in known
    ]  # fmt: skip
    legend = '<ul class="legend"><li><i class="kept"></i>natural language</li><li><i class="code"></i>programming language</li></ul>'
    told = '<p class="soft">Tokens that the tokenizer needs for a word, fewer is better, and the bytes that a token stands for. Where words are not set apart by blanks, the bytes say more.</p>'
    ends = drawn if len(drawn) <= _DRAWN else drawn[: _DRAWN // 2] + drawn[-_DRAWN // 2 :]
    rest = opens(f"all {len(drawn)} languages", f'<div class="short">{bars(drawn)}</div>', "plain") if len(drawn) > _DRAWN else ""
    which = f'<p class="note">The {_DRAWN // 2} lowest and the {_DRAWN // 2} highest.</p>' if len(drawn) > _DRAWN else ""
    return f'<h3>Fertility</h3>{told}{legend}{which}<div class="short">{bars(ends)}</div>{rest}'
