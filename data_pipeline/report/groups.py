"""Sums over sources: by language, by step and reason, and over all.

What was not measured of one source is left out of a sum, and out of both sides of a ratio: tokens per word of a language are
those of the sources whose words were counted, else one source without would double it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from data_pipeline.report.facts import SourceFacts

UNSAID = "not said"


@dataclass(frozen=True, kw_only=True)
class Group:
    """Sources that are looked at together."""

    name: str
    sources: tuple[SourceFacts, ...]

    def sum(self, value: Callable[[SourceFacts], float | None]) -> float | None:
        """Of what is measured; None when nothing is."""
        measured = [found for source in self.sources if (found := value(source)) is not None]
        return sum(measured) if measured else None

    def ratio(self, above: Callable[[SourceFacts], float | None], below: Callable[[SourceFacts], float | None]) -> float | None:
        """Of the sums, over sources where both are measured."""
        pairs = [(high, low) for source in self.sources if (high := above(source)) is not None and (low := below(source)) is not None]
        bottom = sum(low for _, low in pairs)
        return sum(high for high, _ in pairs) / bottom if bottom else None

    @property
    def fertility(self) -> float | None:
        """Tokens per word."""
        return self.ratio(lambda source: source.tokens, lambda source: source.words)

    @property
    def bytes_per_token(self) -> float | None:
        return self.ratio(lambda source: source.kept.bytes, lambda source: source.tokens)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Documents by floor(log2(tokens)), the empty end left out; () when nothing is measured."""
        known = [source.lengths for source in self.sources if source.lengths]
        most = max(map(len, known), default=0)
        added = [sum(lengths[place] for lengths in known if place < len(lengths)) for place in range(most)]
        while added and not added[-1]:
            added.pop()
        return tuple(added)

    @property
    def personal_data(self) -> Mapping[str, int] | None:
        """Findings by kind, the most first; None when nothing was looked for."""
        known = [source.personal_data for source in self.sources if source.personal_data is not None]
        return added(known) if known else None


def by_language(sources: Sequence[SourceFacts]) -> list[Group]:
    """Natural languages, then programming languages, each with the most text first."""
    found: dict[tuple[str, str], list[SourceFacts]] = {}
    for source in sources:
        found.setdefault((source.content, source.language or UNSAID), []).append(source)
    groups = {key: Group(name=key[1], sources=tuple(members)) for key, members in found.items()}
    return [groups[key] for key in sorted(groups, key=lambda key: (key[0] == "code", -(groups[key].sum(text_kept) or 0), key))]


def text_kept(source: SourceFacts) -> int | None:
    return source.kept.bytes


def added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sum of each key, the largest first."""
    total: dict[str, int] = {}
    for each in counts:
        for key, number in each.items():
            total[key] = total.get(key, 0) + number
    return dict(sorted(total.items(), key=lambda entry: (-entry[1], entry[0])))


@dataclass(frozen=True, kw_only=True)
class Example:
    """One document that a step dropped or changed."""

    source: str
    language: str | None
    said: Mapping[str, str]


@dataclass
class Stage:
    """What one step did to all sources. `lost` has the documents it dropped: reason -> source -> number."""

    name: str
    read: int = 0
    kept: int = 0
    changed: int = 0
    characters_read: int = 0
    characters_kept: int = 0
    sources: int = 0
    lost: dict[str, dict[str, int]] = field(default_factory=dict)
    examples: dict[str, list[Example]] = field(default_factory=dict)

    @property
    def dropped(self) -> int:
        return sum(sum(by_source.values()) for by_source in self.lost.values())

    @property
    def reasons(self) -> list[str]:
        """Those with the most documents first."""
        return sorted(self.lost, key=lambda reason: (-sum(self.lost[reason].values()), reason))


def stages(sources: Sequence[SourceFacts], examples: int) -> list[Stage]:
    """The steps of all sources as one sequence that keeps each source's order; at most `examples` of each reason.

    A step that a source has twice is two stages. Examples are taken from one source after another, so that one large
    source does not stand for all.
    """
    order: list[tuple[str, int]] = []
    found: dict[tuple[str, int], Stage] = {}
    waiting: dict[tuple[tuple[str, int], str], list[list[Example]]] = {}
    for source in sources:
        place, times = 0, dict[str, int]()
        for step in source.steps:
            times[step.step] = times.get(step.step, 0) + 1
            key = (step.step, times[step.step])
            if key not in found:
                found[key] = Stage(name=step.step if key[1] == 1 else f"{step.step} ({key[1]})")
                order.insert(place, key)
            place = max(place, order.index(key) + 1)
            stage = found[key]
            stage.sources += 1
            for name in ("read", "kept", "changed", "characters_read", "characters_kept"):
                setattr(stage, name, getattr(stage, name) + getattr(step, name))
            for reason, number in step.dropped.items():
                stage.lost.setdefault(reason, {})[source.name] = number
            for reason, said in step.examples.items():
                made = [Example(source=source.name, language=source.language, said=each) for each in said]
                waiting.setdefault((key, reason), []).append(made)
    for (key, reason), lists in waiting.items():
        found[key].examples[reason] = _in_turn(lists, examples)
    return [found[key] for key in order]


def _in_turn(lists: list[list[Example]], limit: int) -> list[Example]:
    turns = max(map(len, lists), default=0)
    return [each[turn] for turn in range(turns) for each in lists if turn < len(each)][:limit]
