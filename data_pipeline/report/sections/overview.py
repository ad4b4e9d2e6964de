"""The top of the page: what went in and came out, and what somebody should look at before training on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from data_pipeline.report.consumed import Consumed
from data_pipeline.report.facts import Facts, SourceFacts
from data_pipeline.report.groups import Group, by_language
from data_pipeline.report.markup import about, count, decimal, link, share, size, words
from orchestrator.units import format_count

_FEW = 0.1
_OFF = 0.1
_NAMED = 12


def header(facts: Facts) -> str:
    tokenizer = facts.tokenizer
    kind = (tokenizer.kind or "tokenizer").replace("_", " ")
    told = f"{kind}, {tokenizer.vocab_size:,} tokens" if tokenizer.vocab_size else kind
    told += f", learnt from {format_count(tokenizer.sample_bytes)} bytes" if tokenizer.sample_bytes else ""
    print_ = f'<code title="{escape(facts.fingerprint)}">{escape(facts.fingerprint[:12])}</code>'
    return f'<header><h1>{words(facts.mixture)}</h1><p class="soft">Prepared data {print_} · {escape(told)}</p></header>'


def figures(facts: Facts) -> str:
    """The numbers that everything else explains."""
    everything = Group(name="all", sources=facts.sources)
    documents = everything.sum(lambda source: source.read.documents), everything.sum(lambda source: source.kept.documents)
    text = everything.sum(lambda source: source.read.bytes), everything.sum(lambda source: source.kept.bytes)
    train, held = everything.sum(lambda source: source.train.tokens), everything.sum(lambda source: source.validation.tokens)
    groups = by_language(facts.sources)
    said = [group for group in groups if group.sources[0].language is not None]
    natural = sum(group.sources[0].content != "code" for group in said)
    found = everything.personal_data
    kinds = f"{len(found)} kinds, replaced by tags" if found else "none found" if found is not None else ""
    shown = [
        ("Sources", count(len(facts.sources)), _of_languages(natural, len(said) - natural)),
        ("Documents", count(documents[1]), _of(count, documents[0])),
        ("Text", size(text[1]), _of(size, text[0])),
        ("Training tokens", about(train), "" if held is None else f"and {about(held)} held out"),
        ("Bytes per token", decimal(everything.bytes_per_token), ""),
        ("Tokens per word", decimal(everything.fertility), "fertility, over all text"),
        ("Could not be read", count(sum(source.rejected.records for source in facts.sources)), "records and files, put aside"),
        ("Personal data", count(sum(found.values()) if found is not None else None), kinds),
    ]  # fmt: skip
    return '<dl class="figures">' + "".join(f"<div><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>" for name, value, note in shown) + "</dl>"


def _of(shown: Callable[[float | None], str], read: float | None) -> str:
    return "" if read is None else f"of {shown(read)} read"


def _of_languages(natural: int, programming: int) -> str:
    told = [(natural, "language"), (programming, "programming language")]
    return ", ".join(f"{number} {name}{'s' * (number != 1)}" for number, name in told if number)


@dataclass(frozen=True, kw_only=True)
class Heed:
    """Something to look at: what (markup), and the sources or languages that it is about."""

    said: str
    sources: tuple[str, ...] = ()
    languages: str = ""
    broken: bool = False


def heeds(facts: Facts, consumed: Consumed | None) -> list[Heed]:
    """The worst first."""
    sources = facts.sources
    found = [
        _about(sources, _loses_count, "{} of {} sources: documents read, dropped and kept do not add up", broken=True),
        _about(sources, lambda source: source.rejected.records > 0, "{} of {} sources have records or files that could not be read", broken=True),
        _about(sources, lambda source: over_cap(facts, source, consumed), "{} of {} sources are taken more often than their cap of epochs", broken=True),
        _about(sources, lambda source: bool(source.read.documents) and (source.kept.documents or 0) < _FEW * (source.read.documents or 0),
               "{} of {} sources kept less than a tenth of their documents"),
        _about(sources, lambda source: far_off(facts, source, consumed), f"{{}} of {{}} sources are given a share more than {_OFF:.0%} off what was asked"),
    ]  # fmt: skip
    found += _notes(sources)
    unsaid = [source.name for source in sources if source.language is None]
    found += [Heed(said=f"{len(unsaid)} of {len(sources)} sources do not say their language", sources=tuple(unsaid))] if unsaid else []
    return [each for each in found if each is not None]


def _notes(sources: Sequence[SourceFacts]) -> list[Heed]:
    """What steps could not check. Notes that differ in nothing but their language are one, with all its languages."""
    told: dict[str, dict[str, list[str]]] = {}
    for source in sources:
        language = source.language or ""
        for note in dict.fromkeys(note for step in source.steps for note in step.notes):
            about, named = (note.replace(repr(language), "…"), language) if language and repr(language) in note else (note, "")
            told.setdefault(about, {}).setdefault(named, []).append(source.name)
    found = []
    for note, sources_of in told.items():
        names = [name for each in sources_of.values() for name in each]
        languages = ", ".join(sorted(filter(None, sources_of)))
        of = f"{len(names)} of {len(sources)} sources"
        if languages:
            found.append(Heed(said=f"{words(note)} <small>({of})</small>", languages=languages))
        else:
            found.append(Heed(said=f"{words(note)} <small>({of})</small>", sources=tuple(names)))
    return found


def attention(facts: Facts, consumed: Consumed | None) -> str:
    """The list as markup; "" when there is nothing."""
    items = [
        f"<li{' class=broken' if heed.broken else ''}>{heed.said}{_names(heed)}</li>" for heed in heeds(facts, consumed)
    ]  # fmt: skip
    return f'<ul class="heed">{"".join(items)}</ul>' if items else ""


def over_cap(facts: Facts, source: SourceFacts, consumed: Consumed | None) -> bool:
    cap = source.max_epochs or math.inf
    planned = facts.forecast.sources.get(source.name) if facts.forecast else None
    return (planned.epochs if planned else 0.0) > cap * 1.0005 or (epochs_taken(source, consumed) or 0.0) > cap * 1.0005


def epochs_taken(source: SourceFacts, consumed: Consumed | None) -> float | None:
    """Passes over the training tokens."""
    tokens = source.train.tokens
    return consumed.of(source.name).tokens / tokens if consumed and tokens else None


def far_off(facts: Facts, source: SourceFacts, consumed: Consumed | None) -> bool:
    """Whether the share that a run takes, or is planned to take, is far from what was asked; that of few samples may be."""
    if source.weight is None:
        return False
    if consumed is not None:
        samples = sum(taken.samples for taken in consumed.sources.values())
        return samples * source.weight >= 100 and abs(consumed.share(source.name) - source.weight) > _OFF * source.weight
    planned = facts.forecast.sources.get(source.name) if facts.forecast else None
    if planned is None or facts.forecast is None or facts.forecast.samples * source.weight < 100:
        return False
    return abs(planned.samples / facts.forecast.samples - source.weight) > _OFF * source.weight


def _loses_count(source: SourceFacts) -> bool:
    """A document that went in stands in a shard, or under a reason."""
    dropped = sum(sum(step.dropped.values()) for step in source.steps)
    return source.dropped is not None and source.dropped != dropped + source.exact_copies


def _about(sources: Sequence[SourceFacts], chosen: Callable[[SourceFacts], bool], said: str, *, broken: bool = False) -> Heed | None:
    names = tuple(source.name for source in sources if chosen(source))
    return Heed(said=escape(said.format(len(names), len(sources))), sources=names, broken=broken) if names else None


def _names(heed: Heed) -> str:
    if heed.languages:
        return f'<div class="names">{words(heed.languages)}</div>'
    more = f" and {len(heed.sources) - _NAMED:,} more" if len(heed.sources) > _NAMED else ""
    return f'<div class="names">{", ".join(link(name) for name in heed.sources[:_NAMED])}{more}</div>'


def kept_share(source: SourceFacts) -> str:
    read, kept = source.read.documents, source.kept.documents
    return share(kept / read if read and kept is not None else None)
