"""Copies: what was dropped for standing elsewhere word for word, and groups of documents that are nearly the same."""

from __future__ import annotations

from dataclasses import dataclass

from data_pipeline.report.facts import Clusters, Facts, SourceFacts
from data_pipeline.report.groups import added
from data_pipeline.report.markup import bar, bars, count, link, named, opens, row, section, words
from data_pipeline.report.tables import Column, number, table

_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What one step found in one source."""

    step: str
    source: str
    said: Clusters


def copies(facts: Facts) -> str:
    """The section; "" when there is nothing to tell."""
    found = [_Found(step=step, source=source.name, said=said) for source in facts.sources for step, said in source.clusters.items() if said.clusters]
    exact = [source for source in facts.sources if source.exact_copies]
    if not found and not exact:
        return ""
    return section("Copies", "Of the same text one document stays, the first.", _exact(exact) + _clusters(found), "copies")


def _exact(sources: list[SourceFacts]) -> str:
    if not sources:
        return ""
    ordered = added({source.name: source.exact_copies} for source in sources)
    most = max(ordered.values())
    read = {source.name: source.read.documents for source in sources}
    drawn = [row(link(name), bar([(copies / most, "lost", f"{copies:,}")]), f"{count(copies)} of {count(read[name])}") for name, copies in ordered.items()]
    rest = opens(f"{len(drawn) - _SHOWN} more sources", bars(drawn[_SHOWN:]), "plain") if len(drawn) > _SHOWN else ""
    return f"<h3>Exact copies, of this source or of one before it</h3>{bars(drawn[:_SHOWN])}{rest}"


def _clusters(found: list[_Found]) -> str:
    if not found:
        return ""
    ordered = sorted(found, key=lambda each: (-each.said.documents, each.source, each.step))
    columns: list[Column[_Found]] = [
        Column(head="Source", shown=lambda each: link(each.source)),
        Column(head="Step", shown=lambda each: words(each.step)),
        number("Clusters", lambda each: each.said.clusters, count),
        number("Documents in them", lambda each: each.said.documents, count),
        number("Largest", lambda each: each.said.largest, count),
    ]  # fmt: skip
    largest = [cluster for each in ordered[:_SHOWN] for cluster in each.said.examples[:1]]
    return f"<h3>Clusters of near copies</h3>{table(columns, ordered)}{_shown(largest)}"


def _shown(clusters: list[tuple[str, ...]]) -> str:
    items = "".join(f"<li>{'<br>'.join(named(each) for each in cluster)}</li>" for cluster in clusters)
    return opens("documents of some clusters, the first of each was kept", f'<ol class="note">{items}</ol>', "plain") if items else ""


def clusters_of(source: SourceFacts) -> str:
    """Of one source: each step's clusters and some of the documents in them."""
    told = "".join(
        f'<p class="note">{words(step)}: {count(said.clusters)} clusters of {count(said.documents)} documents, the largest of {count(said.largest)}.</p>'
        + _shown(list(said.examples))
        for step, said in source.clusters.items() if said.clusters
    )  # fmt: skip
    return f"<h3>Copies</h3>{told}" if told else ""


