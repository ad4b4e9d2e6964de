"""Documents -> token ids, by a tokenizer that was learnt or given, each document with its end.

Documents are told apart by one end-of-document token. A document may itself contain the characters of that token (every
tokenizer's manual does); they are encoded as text, so that no document can forge its own end. For unigram models and
unluckily merged pairs it takes more than a flag: where text alone can still make the token, a split is added to the
tokenizer that keeps its first character from the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_pipeline.tokenize.recipes import Recipe
from orchestrator.errors import PageError, Problem

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# how GPT-2 and NeoX, BLOOM and LLaMA, LLaMA 3, Qwen, Gemma, T5 and BERT call their end of a document
KNOWN_ENDS = (
    "<|endoftext|>", "</s>", "<|end_of_text|>", "<eos>", "<|endofdocument|>", "<|eos|>", "[EOS]", "[SEP]",
)  # fmt: skip
_AT_ONCE = 2**21  # characters
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """A tokenizer with its end-of-document token."""

    tokenizer: Tokenizer
    end_id: int

    @property
    def vocab_size(self) -> int:
        """One more than the largest id (ids may have gaps, so this is not the number of tokens)."""
        return 1 + max(self.tokenizer.get_vocab(with_added_tokens=True).values())

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Ids of each text, ending with the end-of-document token; int32[tokens]. Uses all cores."""
        ids: list[np.ndarray] = []
        for batch in _batches(texts):
            encoded = self.tokenizer.encode_batch_fast(batch, add_special_tokens=False)
            ids += [ended(encoding.ids, self.end_id) for encoding in encoded]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=False)
        return text

    def to_json(self) -> str:
        text: str = self.tokenizer.to_str(pretty=False)
        return text


def ended(ids: Sequence[int] | np.ndarray, end_id: int) -> np.ndarray:
    """The ids and the end of their document; int32[tokens + 1]."""
    array = np.empty(len(ids) + 1, np.int32)
    array[:-1] = ids
    array[-1] = end_id
    return array


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """Runs of texts that the library encodes together: it takes about 100 bytes of memory for each of their characters."""
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and size + len(text) > _AT_ONCE:
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def train_encoder(recipe: Recipe, texts: Sequence[str], vocab_size: int) -> Encoder:
    """Learns a tokenizer from the texts, which must stand in an order of their own. Raises DataError."""
    return _encoder(recipe.learn(texts, vocab_size), recipe.end)


def load_encoder(path: Path, end: str | None = None) -> Encoder:
    """The tokenizer.json at `path`, or in that folder as `transformers` saves it.

    The end of a document is `end`, else what the folder calls `eos_token`, else the first of the usual names. Raises
    PageError when the file cannot be read, has no such token, or text can forge it.
    """
    from tokenizers import Tokenizer

    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise _page_error(file, "there is no such file", "name a tokenizer.json, a folder that holds one, or `train: byte_bpe`")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises plain Exception for whatever is wrong in the file
        raise _page_error(file, f"is not a tokenizer.json: {error}", "save it with `tokenizer.save`") from None
    present = tokenizer.get_vocab(with_added_tokens=True)
    said = _said_end(file.parent) if path.is_dir() else None
    names = [end] if end is not None else list(dict.fromkeys([*([said] if said else []), *KNOWN_ENDS]))
    found = next((name for name in names if name in present), None)
    if found is None:
        message = f"has none of the end-of-document tokens {', '.join(names)}"
        raise _page_error(file, message, "say its name: `tokenizer: {file: ..., end: NAME}`")
    encoder = _encoder(tokenizer, found)
    if encoder.end_id in _text_ids(tokenizer, found):
        message = f"makes the end of a document, {found!r}, of a text that contains these characters"
        raise _page_error(file, message, "choose another end: `tokenizer: {file: ..., end: NAME}`")
    return encoder


def _said_end(folder: Path) -> str | None:
    """What the settings beside a tokenizer.json call its `eos_token`, if anything."""
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        said: Any = json.loads((folder / name).read_bytes()).get("eos_token") if (folder / name).is_file() else None
        if said is not None:
            text: str = said["content"] if isinstance(said, dict) else said
            return text
    return None


def _encoder(tokenizer: Tokenizer, end: str) -> Encoder:
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True  # special tokens inside a text are text
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    special = [token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special]
    suspects = dict.fromkeys([end, *special, *(byte for byte in _BYTES if byte in vocabulary)])
    _keep_apart(tokenizer, [name for name in suspects if vocabulary[name] in _text_ids(tokenizer, name)])
    return Encoder(tokenizer=tokenizer, end_id=vocabulary[end])


def _keep_apart(tokenizer: Tokenizer, names: Iterable[str]) -> None:
    """Splits the texts of these tokens after their first character, so that the model cannot find them whole."""
    from tokenizers import Regex, pre_tokenizers

    expressions = [f"{re.escape(name[0])}(?={re.escape(name[1:])})" for name in names if len(name) > 1]
    if not expressions:
        return
    split = pre_tokenizers.Split(Regex("|".join(expressions)), behavior="isolated")
    before = tokenizer.pre_tokenizer
    tokenizer.pre_tokenizer = split if before is None else pre_tokenizers.Sequence([before, split])


def _text_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids


def _page_error(path: Path, message: str, fix: str) -> PageError:
    return PageError([Problem(file=str(path), path="tokenizer.file", message=message, fix=fix)])
