"""Byte-level byte-pair encoding: every text has ids and comes back from them, and nothing is unknown.

    split: gpt2    words, numbers and punctuation apart, as GPT-2 does (Radford et al. 2019, section 2.2)
    split: bloom   BLOOM's simpler expression, which leaves digits and most punctuation inside words
                   (arXiv:2211.05100, section 3.2.2, and its tokenizer.json)

Neither normalises: white space and digits stay as they are. BLOOM learnt 250,680 tokens from a sample of its languages
weighted by `alpha`, its repeated lines dropped. It has four special tokens, here there is one: the end of document, which
no split leaves whole, so that no merge can make it out of text (BLOOM's own `</s>` would be one word).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from data_pipeline.tokenize.recipes import RECIPES, Recipe

if TYPE_CHECKING:
    from tokenizers import Tokenizer

END = "<|endoftext|>"
_BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"


def _gpt2() -> Any:
    from tokenizers import pre_tokenizers

    return pre_tokenizers.ByteLevel(add_prefix_space=False)


def _bloom() -> Any:
    from tokenizers import Regex, pre_tokenizers

    words = pre_tokenizers.Split(Regex(_BLOOM), behavior="isolated")
    return pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


_SPLITS = {"gpt2": _gpt2, "bloom": _bloom}


@RECIPES.register
class ByteBPE(Recipe):
    recipe: Literal["byte_bpe"] = "byte_bpe"
    split: Literal["gpt2", "bloom"] = "gpt2"

    @property
    def end(self) -> str:
        return END

    def learn(self, texts: Sequence[str], vocab_size: int) -> Tokenizer:
        """The end of document is id 0, then come the bytes. The texts in any order give the same tokenizer."""
        from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = _SPLITS[self.split]()
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=[AddedToken(END, special=True, normalized=False)],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer=trainer)
        return tokenizer
