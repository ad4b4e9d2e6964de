"""From documents read to documents in the shards: a bar for each step, which opens to its reasons and examples."""

from __future__ import annotations

from html import escape

from data_pipeline.report.facts import Facts
from data_pipeline.report.groups import Group, Stage, added, stages
from data_pipeline.report.markup import bar, count, keyed, link, opens, row, section, share, words
from data_pipeline.report.sections.examples import example, unread

_EXAMPLES = 6
_SOURCES = 12
_LEGEND = '<ul class="legend"><li><i class="kept"></i>kept so far</li><li><i class="lost"></i>dropped here</li><li><i class="rest"></i>dropped before</li></ul>'


def funnel(facts: Facts) -> str:
    """The section; "" when nobody counted what was read."""
    everything = Group(name="all", sources=facts.sources)
    read, kept = everything.sum(lambda source: source.read.documents), everything.sum(lambda source: source.kept.documents)
    if not read:
        return ""
    left, rows = read, [f'<div class="row">{row("read", bar([(1, "kept", "read")]), count(read))}</div>']
    for stage in stages(facts.sources, _EXAMPLES):
        rows.append(_stage(stage, left, read))
        left -= stage.dropped
    copies = sum(source.exact_copies for source in facts.sources)
    if copies:
        rows.append(f'<div class="row">{row("exact copies", _bar(left, copies, read), _lost(copies, read))}</div>')
    if kept is not None:
        rows.append(f'<div class="row">{row("<b>in the shards</b>", bar([(kept / read, "kept", "kept"), (1 - kept / read, "rest", "dropped")]), f"{count(kept)} · {share(kept / read)}")}</div>')
    told = "Documents after each step, over all sources. A step opens to its reasons, and a reason to examples."
    return section("What was dropped and why", told, f'{_LEGEND}<div class="funnel">{"".join(rows)}</div>{_rejected(facts)}', "dropped")


def _bar(left: float, dropped: float, read: float) -> str:
    parts = [((left - dropped) / read, "kept", f"{left - dropped:,.0f} kept"), (dropped / read, "lost", f"{dropped:,.0f} dropped")]
    return bar([*parts, (1 - left / read, "rest", f"{read - left:,.0f} dropped before")])


def _lost(dropped: float, read: float) -> str:
    return f"−{count(dropped)} · {share(dropped / read)}" if dropped else "drops none"


def _stage(stage: Stage, left: float, read: float) -> str:
    changed = f" · changes {count(stage.changed)}" if stage.changed else ""
    head = row(keyed(stage.name), _bar(left, stage.dropped, read), _lost(stage.dropped, read) + changed)
    lost = stage.characters_read - stage.characters_kept
    told = f"Saw {count(stage.read)} documents of {count(stage.sources)} sources."
    told += f" {count(lost)} of {count(stage.characters_read)} characters went ({share(lost / stage.characters_read)})." if lost > 0 else ""
    reasons = "".join(_reason(stage, reason) for reason in stage.reasons)
    changes = _examples(f"changed, {count(stage.changed)}", stage, "changed") if stage.changed else ""
    return opens(head, f'<div class="inner"><p class="note">{told}</p>{reasons}{changes}</div>')


def _reason(stage: Stage, reason: str) -> str:
    by_source = added([stage.lost[reason]])
    number = sum(by_source.values())
    return _examples(f"{words(reason)}, {count(number)}", stage, reason, before=f'<p class="note">{_most(by_source)}</p>')


def _most(by_source: dict[str, int]) -> str:
    shown = list(by_source.items())[:_SOURCES]
    others = f" and {len(by_source) - len(shown):,} other sources" if len(by_source) > len(shown) else ""
    return "Most in " + ", ".join(f"{link(name)}&nbsp;{count(number)}" for name, number in shown) + others + "."


def _examples(head: str, stage: Stage, reason: str, before: str = "") -> str:
    return opens(head, before + "".join(example(each) for each in stage.examples.get(reason, ())))


def _rejected(facts: Facts) -> str:
    """What could not be read stands beside the funnel, since nobody knows how many documents it was."""
    broken = [source for source in facts.sources if source.rejected.records]
    if not broken:
        return ""
    reasons = added(source.rejected.reasons for source in broken)
    lines = "".join(f"<li>{words(reason)}: {count(number)}</li>" for reason, number in reasons.items())
    items = "".join(
        opens(f"{link(source.name)}, {count(source.rejected.records)}", unread(source.rejected.examples)) for source in broken
    )  # fmt: skip
    told = escape("Put aside with a reason; the rest of the source was read.")
    return f'<h3>Could not be read</h3><p class="soft">{told}</p>{f"<ul>{lines}</ul>" if lines else ""}<div class="inner">{items}</div>'
