"""What is known of a source when all of its blocks are done: what `report.json` says of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from data_pipeline.build.cleaning import tallies_of
from data_pipeline.build.plan import BlockPlan
from data_pipeline.clean import StepTally, merged
from data_pipeline.sources import Source
from data_pipeline.work import Output

_EXAMPLES = 20


@dataclass(frozen=True, kw_only=True)
class SourceRecord:
    name: str
    said: dict[str, Any]
    read: dict[str, int]
    rejected: dict[str, Any]
    steps: list[StepTally]
    exact_copies: int
    train: dict[str, int]
    validation: dict[str, int]
    documents: int
    bytes: int
    characters: int
    words: int
    lengths: list[int]

    def facts(self) -> dict[str, Any]:
        """JSON, as report.json has it."""
        tokens = self.train["tokens"] + self.validation["tokens"]
        return {
            **self.said, "read": self.read, "kept": {"documents": self.documents, "bytes": self.bytes}, "rejected": self.rejected,
            "steps": [tally.facts() for tally in self.steps], "exact_copies": self.exact_copies, "train": self.train,
            "validation": self.validation, "tokens": tokens, "words": self.words, "characters": self.characters,
            "bytes_per_token": round(self.bytes / tokens, 3) if tokens else None, "lengths": self.lengths,
            **_personal(self.steps),
        }  # fmt: skip

    def emptiness(self) -> str:
        """Why there is no document to train on."""
        if self.documents:
            held = self.validation["documents"]
            return f"source {self.name!r}: all {held} documents are held out; lower validation.fraction, or add documents"
        why = f"{self.exact_copies:,} exact copies, {self.rejected['records']:,} records rejected"
        if self.rejected["examples"]:
            first = self.rejected["examples"][0]
            why += f"; the first: {first['where']}: {first['reason']}"
        lost = [f"{number:,} by {step.step} ({reason})" for step in self.steps for reason, number in step.dropped.items()]
        why += f"; documents dropped: {', '.join(lost)}" if lost else ""
        return f"source {self.name!r} gives no document ({why})"


def record_of(source: Source, blocks: list[BlockPlan], cleaned: dict[int, list[Output]], written: dict[int, Output]) -> SourceRecord:
    """The blocks of one source, added up in their order."""
    cleanings = [cleaned[each.number] for each in blocks]
    shards = [written[each.number].facts for each in blocks]
    firsts = [outputs[0].facts for outputs in cleanings]
    rejected = {
        "records": sum(each["rejected"]["records"] for each in firsts),
        "examples": [example for each in firsts for example in each["rejected"]["examples"]][:_EXAMPLES],
        "reasons": dict(_reasons(firsts)),
    }
    tallies = [[tally for output in outputs for tally in tallies_of(output.facts)] for outputs in cleanings]
    steps = blocks[0].of.steps[:-1] if blocks else []  # without the exact copies of all sources, which are counted apart
    totals = {name: sum(each[name] for each in shards) for name in ("documents", "bytes", "characters", "words")}
    return SourceRecord(
        name=source.name,
        said={**{name: getattr(source, name) for name in ("kind", "language", "content", "licence", "max_epochs")}},
        read={name: sum(each["read"][name] for each in firsts) for name in ("documents", "bytes")},
        rejected=rejected,
        steps=[merged(step, list(of_step)) for step, of_step in zip(steps, zip(*tallies, strict=True), strict=True)],
        exact_copies=sum(sum(each["copies"]["dropped"].values()) for each in shards),
        train=_split(shards, "train"),
        validation=_split(shards, "validation"),
        lengths=[sum(column) for column in zip_longest(*(each["lengths"] for each in shards), fillvalue=0)],
        **totals,
    )


def _split(shards: list[Any], split: str) -> dict[str, int]:
    return {name: sum(each[split][name] for each in shards) for name in ("documents", "tokens")}


def _reasons(firsts: list[Any]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in firsts:
        total.update(each["rejected"]["reasons"])
    return total


def _personal(steps: list[StepTally]) -> dict[str, Any]:
    """How often each kind was found, with masked samples; nothing where no step looked for any."""
    looked = [tally.measures["personal_data"] for tally in steps if "personal_data" in tally.measures]
    found: Counter[str] = Counter()
    samples: dict[str, list[dict[str, str]]] = {}
    for kinds in looked:
        for kind, facts in kinds.items():
            found[kind] += facts["found"]
            samples.setdefault(kind, []).extend({"id": "", "text": sample} for sample in facts["samples"])
    return {"personal_data": dict(found), "personal_data_samples": samples} if looked else {}
