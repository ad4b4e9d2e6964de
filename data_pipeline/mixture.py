"""The mixture page: which texts, in which proportion, under which tokenizer, and what is held out.

    sources:
      - {name: books, kind: files, paths: books/*.jsonl.zst, weight: 0.7}
      - {name: code, kind: python_installation, parts: [library], limit: 8MB, weight: 0.3, steps: [dedup_document]}
    steps: [uniform_whitespace, {filter_small_docs_bytes: {bytes: 300}}]     # of every source, after its own
    tokenizer: {train: byte_bpe, vocab_size: 4096, sample: 16MB}     # or {file: tokenizer.json}
    validation: {fraction: 0.02}
    seed: 0

A mixture that ships is named by its file in `mixtures/`; any other by its path. Keys of a source
beyond name, kind, weight, language and steps belong to its kind, and are checked by the kind's own section.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, reduce
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, create_model, model_validator

from data_pipeline.blend import (
    ScheduleSection,
    StageSection,
    WeightsSection,
    nothing_left,
    unknown_sources,
    weights_of,
)
from data_pipeline.recipes import with_recipe
from data_pipeline.sources import SOURCES, Source, anchored_path
from data_pipeline.sources._catalogue import resolve
from data_pipeline.steps import STEPS, Step, Wide
from data_pipeline.tokenize.section import TokenizerSection
from orchestrator.errors import CommandError, PageError, Problem
from orchestrator.pages import Bytes, Page, Section, read_page_tree, said_by_name, validate
from orchestrator.registry import unknown

SHIPPED = Path(__file__).with_name("mixtures")


class ValidationSection(Section):
    """The share of documents that is never trained on; of each source that has two, at least one."""

    fraction: float = Field(default=0.02, gt=0, le=0.5)


class MixturePage(Section):
    recipe: str | None = Field(default=None, description="what is done to the texts: a recipe that ships, or the path of one")
    sources: tuple[Source, ...] = Field(min_length=1)
    steps: tuple[Step, ...] = ()
    tokenizer: TokenizerSection
    validation: ValidationSection = ValidationSection()
    seed: int = Field(default=0, ge=0, lt=2**63, description="decides which documents are held out")
    weights: WeightsSection = Field(default=WeightsSection(), description="of the sources that say none")
    schedule: ScheduleSection = Field(default=(), description="stages of the run that change weights or sequence length")
    block: Annotated[Bytes, Field(ge=2**10)] = Field(default=2**30, description="bytes of text that one worker takes at once")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [source.name.lower() for source in self.sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two sources are called {name!r}; fix: give each its own name")
        return self

    @model_validator(mode="after")
    def _steps_suit_their_sources(self) -> Self:
        for source in self.sources:
            if type(source).expanded is Source.expanded and (problem := unsuited(source, self.steps)):
                raise ValueError(problem)
        return self


def unsuited(source: Source, page: Sequence[Step]) -> str | None:
    """The step that cannot work on the source, if there is one."""
    for step in (*source.steps, *page):
        if source.content in step.content and (problem := step.problem(source.language)):
            return f"step {step.step} of source {source.name!r} {problem}; fix: write `language: en` at the source, or at the step"
    return None


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """A mixture page that was read: paths are absolute, `name` is that of its file, and `page` its path."""

    name: str
    page: Path
    sources: tuple[Source, ...]
    tokenizer: TokenizerSection
    validation: ValidationSection
    seed: int
    weights: WeightsSection
    steps: tuple[Step, ...] = ()
    schedule: tuple[StageSection, ...] = ()
    block: int = 2**30

    def steps_of(self, source: Source) -> tuple[Step, ...]:
        """What is done to the documents of a source, in order: its own steps, then those of the page that are for its content."""
        return (*source.steps, *(step for step in self.steps if source.content in step.content))

    def weights_by(self, sizes: Mapping[str, int]) -> dict[str, float]:
        """Name of each source that has something -> its weight, where so many tokens (or bytes) are there. Raises DataError."""
        present = [source for source in self.sources if sizes[source.name]]
        names = [source.name for source in present]
        found = weights_of(names, [sizes[name] for name in names], [source.weight for source in present], self.weights)
        return dict(zip(names, found, strict=True))

    @cached_property
    def copies(self) -> Wide:
        """What is dropped at the end whatever the page says: else a held-out text would be trained on under another id."""
        step = STEPS.get("exact_copies").model_validate({"step": "exact_copies", "normalize": "none"})
        assert isinstance(step, Wide)
        return step


def shipped_mixtures() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.yaml")))


def mixture_path(name_or_path: str | Path) -> Path:
    """The page of a shipped mixture's name, or the path itself. Raises CommandError for an unknown name."""
    text = str(name_or_path)
    if "/" in text or text.endswith((".yaml", ".yml")):
        return Path(text)
    if text not in shipped_mixtures():
        names = unknown("mixture", text, shipped_mixtures())
        raise CommandError(f"{names}; a mixture of your own is named by its path")
    return SHIPPED / f"{text}.yaml"


def load_mixture(name_or_path: str | Path) -> Mixture:
    """Reads a mixture page. Raises PageError with every problem, CommandError for an unknown name."""
    path = mixture_path(name_or_path)
    folder = path.parent.resolve()
    tree = resolve(with_recipe(read_page_tree(path)), folder)
    page = validate(tree, page_model())
    tokenizer = page.tokenizer
    if tokenizer.file is not None:
        tokenizer = tokenizer.model_copy(update={"file": anchored_path(tokenizer.file, folder)})
    sources = tuple(_anchored(each, folder) for source in page.sources for each in _anchored(source, folder).expanded())
    _check(sources, page, tree)
    return Mixture(
        name=path.stem,
        page=path.resolve(),
        sources=sources,
        tokenizer=tokenizer,
        validation=page.validation,
        seed=page.seed,
        steps=tuple(step.anchored(folder) for step in page.steps),
        weights=page.weights,
        schedule=page.schedule,
        block=page.block,
    )


def _check(sources: Sequence[Source], page: MixturePage, tree: Page) -> None:
    """What can be wrong only once it is known which sources there are. Raises PageError."""
    names = [source.name for source in sources]
    double = next((name for name in names if names.count(name) > 1), None)
    found: list[tuple[str, str]] = []
    if double is not None:
        found.append(("sources", f"two sources are called {double!r}; fix: give each collection its own name"))
    found += [("sources", problem) for source in sources if (problem := unsuited(source, page.steps))]
    if problem := nothing_left(names, [source.weight for source in sources]):
        found.append(("sources", f"{problem}; fix: say shares that sum to less than 1, or a weight for each source"))
    if problem := unknown_sources(page.schedule, names):
        found.append(("schedule", f"{problem}; fix: name the sources as they are named above"))
    if found:
        problems = []
        for key, told in found:
            place, (message, _, fix) = tree.place((key,)), told.partition("; fix: ")
            problems.append(Problem(file=place.file, line=place.line, column=place.column, path=key, message=message, fix=fix))
        raise PageError(problems)


def _anchored(source: Source, folder: Path) -> Source:
    steps = tuple(step.anchored(folder) for step in source.steps)
    return source.anchored(folder).model_copy(update={"steps": steps})


@cache
def page_model() -> type[MixturePage]:
    """MixturePage with its sources told apart by `kind`, and its steps by their names: unions of all registered."""
    members: list[Any] = [STEPS.get(name) for name in STEPS.names()]
    step: Any = Annotated[reduce(operator.or_, members), Field(discriminator="step"), BeforeValidator(_named)]
    steps: Any = (tuple[step, ...], ())
    kinds = [SOURCES.get(name) for name in SOURCES.names()]
    with_steps = [create_model(kind.__name__, __base__=kind, __module__=kind.__module__, steps=steps) for kind in kinds]
    tagged: Any = Annotated[reduce(operator.or_, with_steps), Field(discriminator="kind")]
    sources: Any = (tuple[tagged, ...], Field(min_length=1))
    return create_model("MixturePage", __base__=MixturePage, sources=sources, steps=steps)


def _named(said: Any) -> Any:
    section = said_by_name(said, STEPS, "step", "- quality: {language: en}")
    name = section["step"]
    missing = [key for key, field in STEPS.get(name).model_fields.items() if field.is_required() and key not in section]
    if missing:
        fix = f"write `- {name}: {{{', '.join(f'{key}: ...' for key in missing)}}}`"
        raise ValueError(f"step {name!r} needs {' and '.join(missing)}; fix: {fix}")
    return section
