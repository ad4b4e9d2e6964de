"""What a recipe is: a way to learn a tokenizer from texts, a section of the mixture page.

    tokenizer: {train: byte_bpe, vocab_size: 32000}
    tokenizer: {train: {wordpiece: {cased: true}}, vocab_size: 30_522}

A new recipe is one new file in this folder: a `Recipe` whose `recipe` is the file's name, registered with
`@RECIPES.register`. The same texts must give the same tokenizer on every machine, whatever its number of cores,
since token shards are compared byte for byte.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.pages import Section
from orchestrator.registry import Registry

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class Recipe(Section):
    """What every recipe says; each adds its own keys."""

    recipe: str

    @property
    @abstractmethod
    def end(self) -> str:
        """The name of its end-of-document token."""

    @abstractmethod
    def learn(self, texts: Sequence[str], vocab_size: int) -> Tokenizer:
        """A tokenizer of at most `vocab_size` tokens, the end of document among them. Raises DataError."""

    def notes(self) -> list[str]:
        """What the report should say: what of a text does not come back from its tokens."""
        return []


RECIPES: Registry[type[Recipe]] = Registry(kind="tokenizer recipe", package="data_pipeline.tokenize.recipes")
