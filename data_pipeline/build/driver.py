"""All stages in their order. What each block is at, is in `_State`; everything else is in the store.

    for each barrier:   clean up to it (survey) -> decide -> join
    for each wave:      clean to the end -> decide exact copies among all waves so far -> write -> admit

A tokenizer that is trained needs all texts first; then cleaning ends before the first wave is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from data_pipeline.build.cleaning import Clean, Decided, Survey
from data_pipeline.build.deciding import Decide, Join, Marks, Numbered, joins, ranges, surveyed
from data_pipeline.build.plan import Barrier, BlockPlan, Stretch, barriers, plan_blocks, waves
from data_pipeline.build.publish import Publisher, Written
from data_pipeline.build.sampling import Sample, Train
from data_pipeline.build.writing import Write
from data_pipeline.mixture import Mixture
from data_pipeline.progress import Event, Line, Started
from data_pipeline.steps import Wide
from data_pipeline.tokenize.sample import quota
from data_pipeline.tokenize.section import digests_of
from data_pipeline.work import Executor, Job, Output, Store
from orchestrator.units import format_bytes

Say = Callable[[Event], None]
_WORTH_A_CHECK = 32_000_000  # bytes of text; checking a faster encoder takes most of a second


def build(mixture: Mixture, key: str, folder: Path, store: Store, executor: Executor, say: Say) -> str:
    """Writes the whole prepared folder of the request `key`, `prepared.json` last; returns the fingerprint."""
    blocks = plan_blocks(mixture)
    return _Driver(mixture, Publisher(mixture, blocks, folder, key), blocks, store, executor, say).run()


@dataclass
class _State:
    """Where one block is: its texts so far, what was decided about them since, and all outputs of its cleaning."""

    texts: Output | None = None
    decided: Decided | None = None
    cleaned: list[Output] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Group:
    """The blocks that decide together at a barrier: of one source, or of all."""

    name: str
    wide: Wide
    blocks: tuple[BlockPlan, ...]


class _Driver:
    def __init__(
        self, mixture: Mixture, publisher: Publisher, blocks: list[BlockPlan], store: Store, executor: Executor, say: Say
    ) -> None:
        self._mixture = mixture
        self._store = store
        self._executor = executor
        self._say = say
        self._blocks = blocks
        self._states: defaultdict[int, _State] = defaultdict(_State)
        self._publisher = publisher

    def run(self) -> str:
        for barrier in barriers(self._blocks):
            self._pass(barrier)
        if self._mixture.tokenizer.file is None:
            self._finish_cleaning(self._blocks)
        tokenizer = self._tokenizer()
        done: list[BlockPlan] = []
        groups = list(waves(self._blocks))
        for number, wave in enumerate(groups, start=1):
            self._finish_cleaning([each for each in wave if each.number not in self._finished])
            done += wave
            name = f"wave {number} of {len(groups)}"
            written = self._write(wave, self._copies(done, wave, name), tokenizer, name)
            self._publisher.admit(tokenizer, written)
        return self._publisher.finish(tokenizer, {number: state.cleaned for number, state in self._states.items()}, self._say)

    @property
    def _finished(self) -> set[int]:
        return {each.number for each in self._blocks if len(self._states[each.number].cleaned) > len(each.of.stretches)}

    def _do(self, stage: str, jobs: list[Job]) -> list[Output]:
        """What is left of each job: found where it was done before, else done now."""
        outputs = [self._store.find(job) for job in jobs]
        missing = [job for job, output in zip(jobs, outputs, strict=True) if output is None]
        started = Started(stage, len(jobs), len(jobs) - len(missing))
        self._say(started)
        done = iter(self._executor.perform(started, missing, self._store, self._say) if missing else ())
        return [next(done) if output is None else output for output in outputs]

    def _pass(self, barrier: Barrier) -> None:
        blocks = [each for each in self._blocks if barrier in each.of.stretches]
        name = blocks[0].of.stretches[barrier].wide
        assert name is not None
        self._clean(blocks, {each.number: each.of.stretches[barrier] for each in blocks}, f"clean, and survey for {name.step}")
        for group in _groups(barrier, blocks):
            self._decide(group)

    def _clean(self, blocks: list[BlockPlan], stretches: dict[int, Stretch], stage: str) -> None:
        jobs: list[Job] = []
        for each in blocks:
            state = self._states[each.number]
            jobs.append(Clean.of(each, state.texts, state.decided, stretches[each.number]))
        for each, output in zip(blocks, self._do(stage, jobs), strict=True):
            state = self._states[each.number]
            state.texts, state.decided = output, None
            state.cleaned.append(output)

    def _finish_cleaning(self, blocks: list[BlockPlan]) -> None:
        if blocks:
            self._clean(blocks, {each.number: each.of.last for each in blocks}, "clean")

    def _decide(self, group: _Group) -> None:
        wide, said = group.wide, group.wide.signature()
        surveys = [self._numbered(each) for each in group.blocks]
        marks = Marks(parts=())
        for turn in range(wide.turns):
            if turn:
                surveys = self._survey_again(group, marks, turn)
            marks = self._marks(wide, surveys, turn, group.name)
        if joins(wide):
            sides = tuple(self._numbered(each) for each in group.blocks)
            title = f"{wide.step} {group.name}"
            marks = Marks(parts=tuple(self._do(f"join {wide.step}", [Join(title=title, step=wide, said=said, marks=marks, surveys=sides)])))
        if wide.copies:
            self._publisher.clusters(wide.step, marks, {each.number: (each, self._texts(each)) for each in group.blocks})
        for each in group.blocks:
            self._states[each.number].decided = Decided(step=wide, said=said, marks=marks.about(each.number))

    def _survey_again(self, group: _Group, marks: Marks, turn: int) -> list[Numbered]:
        said = group.wide.signature()
        jobs: list[Job] = [
            Survey(
                title=each.title, texts=self._texts(each), source=each.of.plain, turn=turn,
                decided=Decided(step=group.wide, said=said, marks=marks.about(each.number)),
            )
            for each in group.blocks
        ]  # fmt: skip
        outputs = self._do(f"survey again for {group.wide.step}", jobs)
        return [Numbered.of(each.number, output) for each, output in zip(group.blocks, outputs, strict=True)]

    def _marks(self, wide: Wide, surveys: list[Numbered], turn: int, name: str, since: int = 0) -> Marks:
        jobs: list[Job] = [
            Decide(
                title=f"{wide.step} {name} {number}", step=wide, said=wide.signature(), turn=turn, surveys=tuple(surveys), low=low,
                high=high, since=since,
            )
            for number, (low, high) in enumerate(ranges(surveyed(surveys)))
        ]  # fmt: skip
        return Marks(parts=tuple(self._do(f"decide {wide.step}", jobs)))

    def _tokenizer(self) -> Output:
        asked = self._mixture.tokenizer
        said = {**asked.model_dump(mode="json", exclude={"fast"}), "file": digests_of(asked)}
        samples = self._samples() if asked.file is None else ()
        hasten = asked.fast and sum(each.block.size for each in self._blocks) >= _WORTH_A_CHECK
        job = Train(title="tokenizer", asked=asked, samples=samples, said=said, hasten=hasten)
        [tokenizer] = self._do("tokenizer", [job])
        facts = tokenizer.facts
        if asked.vocab_size and facts["vocab_size"] < asked.vocab_size:
            self._say(Line(f"the sample teaches no more than {facts['vocab_size']:,} tokens"))
        if asked.file is None:
            self._say(Line(f"a tokenizer of {facts['vocab_size']:,} tokens, trained on {format_bytes(facts['sample_bytes'])}"))
        return tokenizer

    def _samples(self) -> tuple[tuple[str, int, tuple[Output, ...]], ...]:
        """Of each source: its name, its share of the tokenizer's sample in bytes, and the samples of its blocks."""
        mixture, asked = self._mixture, self._mixture.tokenizer
        sizes: dict[str, int] = {source.name: 0 for source in mixture.sources}
        for each in self._blocks:
            sizes[each.of.source.name] += self._texts(each).facts["bytes"]
        weights = None if asked.alpha is not None else mixture.weights_by(sizes)
        limits = quota(sizes, asked.sample, weights=weights, alpha=asked.alpha)
        jobs: list[Job] = [
            Sample(
                title=each.title, texts=self._texts(each), source=each.of.source.name, limit=limits[each.of.source.name],
                held_out=mixture.validation.fraction, seed=mixture.seed,
            )
            for each in self._blocks
        ]  # fmt: skip
        found: defaultdict[str, list[Output]] = defaultdict(list)
        for each, output in zip(self._blocks, self._do("sample for the tokenizer", jobs), strict=True):
            found[each.of.source.name].append(output)
        return tuple((name, limits[name], tuple(outputs)) for name, outputs in found.items())

    def _copies(self, blocks: list[BlockPlan], wave: list[BlockPlan], name: str) -> Marks:
        surveys = [self._numbered(each) for each in blocks]
        marks = self._marks(self._mixture.copies, surveys, 0, name, since=wave[0].number)
        self._publisher.clusters(self._mixture.copies.step, marks, {each.number: (each, self._texts(each)) for each in blocks})
        return marks

    def _write(self, wave: list[BlockPlan], marks: Marks, tokenizer: Output, name: str) -> list[Written]:
        said = self._mixture.copies.signature()
        jobs: list[Job] = [
            Write.of(
                each.title, self._texts(each), each.of.plain,
                Decided(step=self._mixture.copies, said=said, marks=marks.about(each.number)), tokenizer, self._mixture, each.index == 0,
            )
            for each in wave
        ]  # fmt: skip
        return [Written(block=each, output=output) for each, output in zip(wave, self._do(f"write {name}", jobs), strict=True)]

    def _texts(self, block: BlockPlan) -> Output:
        texts = self._states[block.number].texts
        assert texts is not None
        return texts

    def _numbered(self, block: BlockPlan) -> Numbered:
        return Numbered.of(block.number, self._texts(block))


def _groups(barrier: Barrier, blocks: Iterable[BlockPlan]) -> list[_Group]:
    gathered: defaultdict[str, list[BlockPlan]] = defaultdict(list)
    for each in blocks:
        wide = each.of.stretches[barrier].wide
        assert wide is not None
        everyone = barrier[0] == "page" and wide.across
        gathered["of all" if everyone else each.of.source.name].append(each)
    found = []
    for name, members in gathered.items():
        wide = members[0].of.stretches[barrier].wide
        assert wide is not None
        found.append(_Group(name=name, wide=wide, blocks=tuple(members)))
    return found
