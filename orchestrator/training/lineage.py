"""What a run was or will be fed, worked out from its page and its data, and held against its ledger. No torch here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from data_pipeline.lineage import Found, Occurrence, find_document, occurrences
from data_pipeline.prepared import Prepared
from data_pipeline.stored.orders import order_of, stages_said
from data_pipeline.stored.reader import Origin, SampleReader
from data_pipeline.stored.storage import Storage, open_data
from orchestrator.errors import CommandError, DataError
from orchestrator.planning.batch import BatchPlan, segments_of
from orchestrator.planning.data import lengths_of
from orchestrator.spec import load_run
from orchestrator.training.checkpoint.manifest import find
from orchestrator.training.resume import require_same_data
from orchestrator.training.rundir import RunDir, last_line, read_lines
from orchestrator.units import Amount


@dataclass(frozen=True, kw_only=True)
class Feed:
    """The samples of a run. `taken`: its last step so far; `total_steps`: where its page ends."""

    run: RunDir
    batch: BatchPlan
    total_steps: int
    taken: int
    prepared: Prepared
    storage: Storage
    reader: SampleReader


@dataclass(frozen=True, kw_only=True)
class Fed:
    """The global batch of one step. `on_record`: whether the ledger holds the step, and says the same."""

    step: int
    origins: tuple[Origin, ...]
    on_record: bool


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A step that trains on part of a document."""

    step: int
    occurrence: Occurrence
    taken: bool


def feed_of(run: RunDir) -> Feed:
    """What a run is fed. Raises DataError when its data is not that of its checkpoints."""
    spec = load_run(run.resolved).spec
    training = spec.training
    execution = json.loads(run.execution.read_text("utf-8"))
    prepared, storage = open_data(execution["data"], live=spec.data.live, capacity=spec.data.cache)
    batch = BatchPlan(
        segments=segments_of(training.batch), sequence_length=spec.data.sequence_length, data=1, micro_batch=1,
        lengths=lengths_of(stages_said(prepared), spec),
    )  # fmt: skip
    length = Amount(training.steps, "steps") if training.steps else Amount(training.tokens or 0, "tokens")
    total_steps = batch.steps_for(length)
    for saved in find(run.checkpoints).good[:1]:
        require_same_data(prepared.fingerprint, saved.data_fingerprint)
    order = order_of(
        spec.data.order, prepared, storage, sequence_length=spec.data.sequence_length, seed=training.seed,
        samples=batch.samples_after(total_steps), batch=training.batch.sequences, packing=spec.data.packing,
        cache=run.order,
    )  # fmt: skip
    last = last_line(run.metrics)
    return Feed(
        run=run, batch=batch, total_steps=total_steps, taken=last["step"] if last else 0, prepared=prepared, storage=storage,
        reader=SampleReader(prepared, storage, order),
    )  # fmt: skip


def where(feed: Feed, step: int) -> Fed:
    """What the global batch of a step consists of. Raises CommandError for a step beyond the end, DataError where the ledger
    says otherwise."""
    if step > feed.total_steps:
        told = f"run {feed.run.name} ends with step {feed.total_steps:,}, found step {step:,}"
        raise CommandError(f"{told}; say a step from 1 on, or train longer (training.steps)")
    batch = feed.batch.at(step)
    origins = feed.reader.describe(np.arange(batch.first_sample, batch.samples_after, dtype=np.int64))
    recorded = next((line for line in read_lines(feed.run.ledger) if line["step"] == step), None)
    if recorded is not None:
        _require_as_recorded(step, [row_of(origin) for origin in origins], recorded["samples"])
    return Fed(step=step, origins=tuple(origins), on_record=recorded is not None)


def seen(feed: Feed, name: str) -> Iterator[tuple[Found, list[Seen]]]:
    """For each document of this id: the steps that train on it. Raises CommandError for an unknown document."""
    samples = feed.batch.samples_after(feed.total_steps)
    for found in find_document(feed.prepared, feed.storage, name):
        trained = occurrences(feed.reader, found, samples) if found.split == "train" else []
        steps = [(feed.batch.step_of(each.sample), each) for each in trained]
        yield found, [Seen(step=step, occurrence=each, taken=step <= feed.taken) for step, each in steps]


def row_of(origin: Origin) -> list[Any]:
    """A sample as the ledger holds it."""
    spans = [[span.shard, span.document, span.start, span.end] for span in origin.spans]
    return [origin.sample, origin.source, origin.epoch, spans]


def _require_as_recorded(step: int, ours: list[list[Any]], recorded: list[list[Any]]) -> None:
    for mine, theirs in zip(ours, recorded, strict=False):
        if mine != theirs:
            raise DataError(
                f"step {step}: the ledger has sample {theirs[0]} as {json.dumps(theirs[1:])}, and by its page and data it is"
                f" {json.dumps(mine[1:])}; the page, the data or the order changed after the step was taken"
            )
    if len(ours) != len(recorded):
        raise DataError(f"step {step}: the ledger has {len(recorded)} samples, and by its page the step takes {len(ours)}")


def told_of_batch(feed: Feed, fed: Fed) -> str:
    """A step for the screen: what came from which source, then every sample."""
    tokens: dict[str, int] = {}
    for origin in fed.origins:
        tokens[origin.source] = tokens.get(origin.source, 0) + sum(span.end - span.start for span in origin.spans)
    state = "taken, as the ledger has it" if fed.on_record else "to come" if fed.step > feed.taken else "taken; not in the ledger"
    lines = [f"step {fed.step:,} of run {feed.run.name}: {len(fed.origins):,} samples; {state}"]
    for source, count in sorted(tokens.items(), key=lambda pair: -pair[1]):
        samples = sum(origin.source == source for origin in fed.origins)
        lines.append(f"  {source:<24} {samples:>7,} samples {count:>12,} tokens")
    for origin in fed.origins:
        lines.append(f"sample {origin.sample:,}  {origin.source}, epoch {origin.epoch}")
        lines += [f"    {span.shard}  {span.document}  tokens {span.start:,} to {span.end:,}" for span in origin.spans]
    return "\n".join(lines)


def told_of_document(feed: Feed, found: Found, steps: list[Seen]) -> str:
    """A document for the screen: what is on record of it, then every step that trains on it."""
    facts = "  ".join(f"{name}: {value}" for name, value in found.facts.items() if name not in ("id", "source", "meta"))
    lines = [f"{found.facts['id']}  source {found.source}, {found.shard}, {found.end - found.start:,} tokens", f"  {facts}"]
    if found.split == "validation":
        return "\n".join([*lines, "  held out: never trained on"])
    taken = [each for each in steps if each.taken]
    epochs = len({each.occurrence.epoch for each in steps})
    lines.append(
        f"  trained on in {len({each.step for each in taken}):,} steps so far, in {len({each.step for each in steps}):,} of all"
        f" {feed.total_steps:,}; {epochs} epoch{'' if epochs == 1 else 's'}"
    )
    for each in steps:
        when = "" if each.taken else "  (to come)"
        part = each.occurrence
        lines.append(
            f"  step {each.step:,}  sample {part.sample:,}, epoch {part.epoch}, tokens {part.start:,} to {part.end:,}{when}"
        )
    return "\n".join(lines)
