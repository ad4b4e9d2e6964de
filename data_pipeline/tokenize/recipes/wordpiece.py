"""WordPiece, as BERT uses it (Devlin et al. 2019; the settings are those of the `tokenizers` library's own BERT).

The library's trainer numbers the continuing characters (`##a`) in the order of a hash table that differs from process
to process, and breaks ties between merges by those numbers, so that no two runs give the same tokenizer. Here they get
their numbers first, in the order of their characters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from data_pipeline.tokenize.recipes import RECIPES, Recipe
from orchestrator.errors import DataError
from orchestrator.pages import Count

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONTINUING = "##"
_RARE = 2  # merges of pairs that occur less often are not learnt


@RECIPES.register
class WordPiece(Recipe):
    recipe: Literal["wordpiece"] = "wordpiece"
    cased: bool = Field(default=False, description="keep capital letters and accents")
    alphabet: Annotated[Count, Field(ge=1)] = Field(default=1000, description="characters known; words with others are unknown")

    @property
    def end(self) -> str:
        return "[SEP]"

    def notes(self) -> list[str]:
        lost = "white space" if self.cased else "white space, capital letters and accents"
        return [f"WordPiece keeps no {lost}, and a word with a character outside its alphabet is [UNK]: texts do not come back"]

    def learn(self, texts: Sequence[str], vocab_size: int) -> Tokenizer:
        """The special tokens are ids 0 to 4; the texts in any order give the same tokenizer."""
        from tokenizers import Tokenizer, decoders, models, processors

        known = self._vocabulary(texts, 1, [])  # characters and continuing characters, and no merge
        continuing = sorted(token for token in known if token.startswith(CONTINUING) and len(token) > len(CONTINUING))
        vocabulary = self._vocabulary(texts, vocab_size, continuing)
        if len(vocabulary) > vocab_size:
            told = f"a vocabulary of {vocab_size:,} does not hold the {len(vocabulary):,} characters of the sample"
            raise DataError(f"{told}; raise vocab_size, or lower `alphabet`")
        tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
        self._prepare(tokenizer)
        tokenizer.add_special_tokens(list(SPECIAL))
        tokenizer.decoder = decoders.WordPiece(prefix=CONTINUING)
        tokenizer.post_processor = processors.BertProcessing(("[SEP]", SPECIAL.index("[SEP]")), ("[CLS]", SPECIAL.index("[CLS]")))
        return tokenizer

    def _vocabulary(self, texts: Sequence[str], size: int, continuing: list[str]) -> dict[str, int]:
        from tokenizers import Tokenizer, models, trainers

        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        self._prepare(tokenizer)
        alphabet = self._characters(texts, tokenizer)
        trainer = trainers.WordPieceTrainer(
            vocab_size=size, min_frequency=_RARE, special_tokens=[*SPECIAL, *continuing], initial_alphabet=alphabet,
            limit_alphabet=len(alphabet), continuing_subword_prefix=CONTINUING, show_progress=False,
        )  # fmt: skip
        tokenizer.train_from_iterator(texts, trainer=trainer)
        found: dict[str, int] = tokenizer.get_vocab()
        return found

    def _prepare(self, tokenizer: Tokenizer) -> None:
        from tokenizers import normalizers, pre_tokenizers

        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=not self.cased)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()

    def _characters(self, texts: Sequence[str], tokenizer: Tokenizer) -> list[str]:
        """The most frequent characters; of equally frequent ones the first in Unicode."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(tokenizer.normalizer.normalize_str(text))
        ranked = sorted((-count, character) for character, count in counts.items() if not character.isspace())
        return [character for _, character in ranked[: self.alphabet]]
