"""What the mixture page says of the tokenizer: how it is learnt, or which file it is.

    tokenizer: {train: byte_bpe, vocab_size: 4096, sample: 16MB}
    tokenizer: {train: {byte_bpe: {split: bloom}}, vocab_size: 250_680, sample: 10GB, alpha: 0.3, dedup_lines: true}
    tokenizer: {file: tokenizer.json}

It is read by `make check`, so nothing heavy is imported here.
"""

from __future__ import annotations

import hashlib
import operator
from functools import reduce
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from data_pipeline.tokenize.recipes import RECIPES, Recipe
from orchestrator.errors import PageError, Problem
from orchestrator.pages import Bytes, Count, Section, said_by_name


def _named(said: Any) -> Any:
    if isinstance(said, Recipe) or said is None:
        return said
    return said_by_name(said, RECIPES, "recipe", "train: {wordpiece: {cased: true}}")


_members: list[Any] = [RECIPES.get(name) for name in RECIPES.names()]
_Train: Any = Annotated[reduce(operator.or_, _members), Field(discriminator="recipe"), BeforeValidator(_named)]


class TokenizerSection(Section):
    """`train` a tokenizer on a sample of the mixture, or take the `file`: a tokenizer.json or a folder that holds one."""

    alternatives: ClassVar[tuple[tuple[str, ...], ...]] = (("train", "file"),)
    train: _Train | None = None
    vocab_size: Annotated[Count, Field(ge=257, le=2**24)] | None = Field(
        default=None, description="all tokens: bytes or characters, special ones, and what is learnt"
    )
    sample: Annotated[Bytes, Field(ge=1)] = Field(default=16_000_000, description="bytes of text trained on")
    alpha: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="sample sources by their bytes to this power, not by their weights; below 1 raises the small ones"
    )
    dedup_lines: bool = Field(default=False, description="train on each line of the sample once")
    file: str | None = Field(default=None, min_length=1, description="relative to the page's folder")
    end: str | None = Field(default=None, description="end-of-document token, if its name is not a usual one")
    fast: bool = Field(default=True, description="encode with gigatoken where it is installed and gives the same ids")

    def files(self) -> tuple[Path, ...]:
        """The files that decide the tokenizer, of a page that names one: whether they changed is asked of these."""
        if self.file is None:
            return ()
        beside = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
        path = Path(self.file)
        return tuple(path / name for name in beside if (path / name).is_file()) if path.is_dir() else (path,)

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.train is None) == (self.file is None):
            fix = "{train: byte_bpe, vocab_size: 4096} or {file: PATH}"
            raise ValueError(f"say either `train` or `file`; fix: {fix}")
        if self.train is not None and self.vocab_size is None:
            raise ValueError("`train` needs a vocab_size; fix: add `vocab_size: 4096`")
        if self.train is not None and self.end is not None:
            raise ValueError("the recipe names its own end of document; fix: remove `end`")
        if self.file is not None and self.vocab_size is not None:
            raise ValueError("the file decides the vocabulary; fix: remove `vocab_size`")
        if self.file is not None and (self.alpha is not None or self.dedup_lines):
            raise ValueError("a file is not trained, so no sample is drawn; fix: remove `alpha` and `dedup_lines`")
        return self


def library() -> str:
    """The version of `tokenizers`: another may learn another tokenizer, and give other ids by the same."""
    return metadata.version("tokenizers")


def digests_of(section: TokenizerSection) -> list[str]:
    """sha256 of each of its files. Raises PageError where one is not there."""
    files = section.files()
    if section.file is not None and (not files or not files[0].is_file()):
        fix = "name a tokenizer.json, a folder that holds one, or `train: byte_bpe`"
        raise PageError([Problem(file=section.file, path="tokenizer.file", message="there is no such file", fix=fix)])
    return [hashlib.sha256(each.read_bytes()).hexdigest() for each in files]
