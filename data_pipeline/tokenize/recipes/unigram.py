"""SentencePiece's unigram language model (Kudo 2018, arXiv:1804.10959), learnt by SentencePiece itself.

It is written as a tokenizer.json, which cuts a text as SentencePiece does (of two ways that are equally likely it may take
the other). The trainer of the `tokenizers` library learns the same kind of model, but its sums run in the order of a hash
table: two runs give other scores. SentencePiece's depend on the number of threads alone, so that is fixed.

The defaults keep a text as it is, with bytes for rare characters, as LLaMA's tokenizer does. `normalize: true` gives
SentencePiece's own default, NMT-NFKC with runs of spaces and ends of lines made one space.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from data_pipeline.tokenize.recipes import RECIPES, Recipe
from orchestrator.errors import DataError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

UNKNOWN, END = "<unk>", "</s>"
_SPACE = "\u2581"
_THREADS = 8
_LONGEST_LINE = 2**23  # bytes; SentencePiece leaves out longer ones


@RECIPES.register
class Unigram(Recipe):
    recipe: Literal["unigram"] = "unigram"
    byte_fallback: bool = Field(default=True, description="characters outside the vocabulary become their UTF-8 bytes")
    normalize: bool = Field(default=False, description="NMT-NFKC, one space for several")

    @property
    def end(self) -> str:
        return END

    def notes(self) -> list[str]:
        lost = ["what NMT-NFKC normalises and runs of white space do not come back"] if self.normalize else []
        lost += [] if self.byte_fallback else ["characters outside the vocabulary are <unk>"]
        return [f"SentencePiece: a {_SPACE} in a text comes back as a space", *lost]

    def learn(self, texts: Sequence[str], vocab_size: int) -> Tokenizer:
        """<unk> is id 0 and the end of document id 1, then come the bytes. Other orders of the texts give other scores."""
        from sentencepiece import SentencePieceTrainer

        model = io.BytesIO()
        try:
            SentencePieceTrainer.train(
                sentence_iterator=_lines(texts), model_writer=model, model_type="unigram", vocab_size=vocab_size,
                hard_vocab_limit=False, unk_id=0, eos_id=1, bos_id=-1, pad_id=-1, unk_piece=UNKNOWN, eos_piece=END,
                byte_fallback=self.byte_fallback, normalization_rule_name="nmt_nfkc" if self.normalize else "identity",
                remove_extra_whitespaces=self.normalize, max_sentence_length=_LONGEST_LINE, num_threads=_THREADS, minloglevel=2,
            )  # fmt: skip
        except RuntimeError as error:
            told = f"SentencePiece learns no vocabulary of {vocab_size:,} from {len(texts):,} texts: {error}"
            raise DataError(f"{told}; raise `sample`, or change vocab_size") from None
        return self.converted(model.getvalue())

    def converted(self, model: bytes) -> Tokenizer:
        """The tokenizer that cuts texts as SentencePiece does with this model of its."""
        from sentencepiece import sentencepiece_model_pb2
        from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

        learnt = sentencepiece_model_pb2.ModelProto.FromString(model)  # type: ignore[attr-defined]
        pieces = [(piece.piece, piece.score) for piece in learnt.pieces]
        tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=self.byte_fallback))
        steps: list[Any] = [normalizers.Prepend(_SPACE), normalizers.Replace(" ", _SPACE)]
        if self.normalize:
            charsmap = normalizers.Precompiled(learnt.normalizer_spec.precompiled_charsmap)
            steps = [charsmap, normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " "), *steps]
        tokenizer.normalizer = normalizers.Sequence(steps)
        tokenizer.pre_tokenizer = pre_tokenizers.Split(_SPACE, behavior="merged_with_next")  # where every piece may begin
        tokenizer.decoder = decoders.Sequence(
            [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
        tokenizer.add_special_tokens([UNKNOWN, END])
        return tokenizer


def _lines(texts: Sequence[str]) -> Iterator[str]:
    return (line for text in texts for line in text.split("\n") if line)
