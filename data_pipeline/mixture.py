"""The mixture page: which texts, in which proportion, under which tokenizer, and what is held out.

    sources:
      - {name: books, kind: files, paths: books/*.jsonl.zst, weight: 0.7}
      - {name: code, kind: python_installation, parts: [library], limit: 8MB, weight: 0.3}
    tokenizer: {train: byte_bpe, vocab_size: 4096, sample: 16MB}     # or {file: tokenizer.json}
    validation: {fraction: 0.02}
    seed: 0

A mixture that ships is named by its file in `mixtures/`; any other by its path. Keys of a source
beyond name, kind and weight belong to its kind, and are checked by the kind's own section.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import cache, reduce
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, create_model, model_validator

from data_pipeline.sources import SOURCES, Source
from orchestrator.errors import CommandError
from orchestrator.pages import Bytes, Count, Section, read_page
from orchestrator.registry import unknown

SHIPPED = Path(__file__).with_name("mixtures")


class TokenizerSection(Section):
    """`train` a byte-level BPE on a sample of the mixture, or take the tokenizer.json `file`."""

    alternatives: ClassVar[tuple[tuple[str, ...], ...]] = (("train", "file"),)
    train: Literal["byte_bpe"] | None = None
    vocab_size: Annotated[Count, Field(ge=257, le=2**24)] | None = Field(
        default=None, description="256 bytes, the end of document, and what is learnt"
    )
    sample: Annotated[Bytes, Field(ge=1)] = Field(default=16_000_000, description="bytes of text trained on")
    file: str | None = Field(default=None, min_length=1, description="relative to the page's folder")
    end: str | None = Field(default=None, description="end-of-document token, if its name is not a usual one")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.train is None) == (self.file is None):
            fix = "{train: byte_bpe, vocab_size: 4096} or {file: PATH}"
            raise ValueError(f"say either `train` or `file`; fix: {fix}")
        if self.train is not None and self.vocab_size is None:
            raise ValueError("`train` needs a vocab_size; fix: add `vocab_size: 4096`")
        if self.file is not None and self.vocab_size is not None:
            raise ValueError("the file decides the vocabulary; fix: remove `vocab_size`")
        return self


class ValidationSection(Section):
    """The share of documents that is never trained on; of each source that has two, at least one."""

    fraction: float = Field(default=0.02, gt=0, le=0.5)


class MixturePage(Section):
    sources: tuple[Source, ...] = Field(min_length=1)
    tokenizer: TokenizerSection
    validation: ValidationSection = ValidationSection()
    seed: int = Field(default=0, ge=0, lt=2**63, description="decides which documents are held out")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [source.name.lower() for source in self.sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two sources are called {name!r}; fix: give each its own name")
        return self


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """A mixture page that was read: paths are absolute, `name` is that of its file."""

    name: str
    sources: tuple[Source, ...]
    tokenizer: TokenizerSection
    validation: ValidationSection
    seed: int

    @property
    def weights(self) -> tuple[float, ...]:
        return tuple(source.weight for source in self.sources)


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
    page = read_page(path, page_model())
    folder = path.parent.resolve()
    tokenizer = page.tokenizer
    if tokenizer.file is not None:
        tokenizer = tokenizer.model_copy(update={"file": str(folder / tokenizer.file)})
    return Mixture(
        name=path.stem,
        sources=tuple(source.anchored(folder) for source in page.sources),
        tokenizer=tokenizer,
        validation=page.validation,
        seed=page.seed,
    )


@cache
def page_model() -> type[MixturePage]:
    """MixturePage with its sources told apart by `kind`: the union of all registered kinds."""
    kinds: list[Any] = [SOURCES.get(name) for name in SOURCES.names()]
    tagged: Any = Annotated[reduce(operator.or_, kinds), Field(discriminator="kind")]
    sources: Any = (tuple[tagged, ...], Field(min_length=1))
    return create_model("MixturePage", __base__=MixturePage, sources=sources)
