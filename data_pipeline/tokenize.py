"""Text -> token ids: a byte-level BPE trained on the mixture, or any tokenizer.json.

Byte-level means that every text has ids and gives the same text back; nothing is ever unknown.
Documents are told apart by one end-of-document token. A document may itself contain the characters
`<|endoftext|>` (every tokenizer's manual does); they are encoded as text, so that no document can
forge its own end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from orchestrator.errors import PageError, Problem

END = "<|endoftext|>"
# how GPT-2 and NeoX, BLOOM and LLaMA, LLaMA 3, Qwen, Gemma, T5 call their end of a document
KNOWN_ENDS = (END, "</s>", "<|end_of_text|>", "<eos>", "<|endofdocument|>", "<|eos|>", "[EOS]", "[SEP]")


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """A tokenizer with its end-of-document token."""

    tokenizer: Tokenizer
    end_id: int

    @property
    def vocab_size(self) -> int:
        """One more than the largest id (ids may have gaps, so this is not the number of tokens)."""
        return 1 + max(self.tokenizer.get_vocab(with_added_tokens=True).values())

    @property
    def end(self) -> str:
        """The end-of-document token as it is written."""
        name = self.tokenizer.id_to_token(self.end_id)
        assert name is not None
        return name

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Ids of each text, ending with the end-of-document token; int32[tokens]. Uses all cores."""
        encoded = self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array([*encoding.ids, self.end_id], dtype=np.int32) for encoding in encoded]

    def decode(self, ids: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=False)
        return text

    def to_json(self) -> str:
        text: str = self.tokenizer.to_str(pretty=False)
        return text


def train_byte_bpe(texts: Iterable[str], vocab_size: int) -> Encoder:
    """A byte-level BPE (GPT-2's pre-tokenization) with the end of document as id 0.

    The same texts in any order give the same tokenizer.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[AddedToken(END, special=True, normalized=False)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer=trainer)
    return _encoder(tokenizer, END)


def load_encoder(path: Path, end: str | None = None) -> Encoder:
    """The tokenizer.json at `path`. Raises PageError when it cannot be read or has no known end token."""
    if not path.is_file():
        raise _page_error(path, "there is no such file", "name a tokenizer.json, or `train: byte_bpe`")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain Exception for whatever is wrong in the file
        fix = "save it with `tokenizer.save`"
        raise _page_error(path, f"is not a tokenizer.json: {error}", fix) from None
    present = tokenizer.get_vocab(with_added_tokens=True)
    names = KNOWN_ENDS if end is None else (end,)
    found = next((name for name in names if name in present), None)
    if found is None:
        message = f"has none of the end-of-document tokens {', '.join(names)}"
        raise _page_error(path, message, "say its name: `tokenizer: {file: ..., end: NAME}`")
    return _encoder(tokenizer, found)


def _encoder(tokenizer: Tokenizer, end: str) -> Encoder:
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True  # special tokens inside a text are text
    return Encoder(tokenizer=tokenizer, end_id=tokenizer.get_vocab(with_added_tokens=True)[end])


def _page_error(path: Path, message: str, fix: str) -> PageError:
    return PageError([Problem(file=str(path), path="tokenizer.file", message=message, fix=fix)])
