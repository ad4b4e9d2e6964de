"""The same ids from gigatoken, where it is installed (the extra `fast`) and gives the same ids.

Tokenizing a corpus takes longer than reading, filtering and writing it together, and nearly all of that goes into
regular expressions and look-ups that gigatoken does many times faster for byte-pair encodings. Ids must not depend on
what is installed, so it is not trusted: before it is used it must agree with the `tokenizers` library on documents of
the run, on every script of Unicode in awkward surroundings and on the tokenizer's special tokens as text, and while it is
used, on one document of every few hundred.
"""

from __future__ import annotations

import importlib.util
import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from data_pipeline.tokenize.encoder import Encoder, ended
from orchestrator.errors import DataError

_WATCHED = 256  # one document of so many is encoded twice
_LONGEST_WATCHED = 2**16  # characters
_PER_BATCH = 64  # characters of Unicode in one text of the check
_UNIFORM = 64  # characters of a run without a new name that are checked


@dataclass(frozen=True, kw_only=True)
class FastEncoder(Encoder):
    """An encoder that asks gigatoken, and the library only now and then."""

    backend: Any

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """As `Encoder.encode`, best for hundreds of texts at once. Raises DataError where gigatoken gives other ids than the library."""
        given = [ended(ids, self.end_id) for ids in _ids(self.backend, texts)]
        short = [place for place, text in enumerate(texts) if len(text) <= _LONGEST_WATCHED]
        watched = short[::_WATCHED]
        for place, truth in zip(watched, super().encode([texts[place] for place in watched]), strict=True):
            if not np.array_equal(given[place], truth):
                start = int(np.flatnonzero(given[place][: truth.size] != truth[: given[place].size])[:1].sum())
                near = self.decode(truth[max(0, start - 4) : start + 4].tolist())
                told = f"gigatoken and tokenizers give other ids for a document of {len(texts[place]):,} characters, near {near!r}"
                raise DataError(f"{told}; write `fast: false` in the mixture's tokenizer section and prepare the data again")
        return given


@dataclass(frozen=True, kw_only=True)
class Check:
    """Whether gigatoken may be used, for the report: `why` not, and how many texts were compared."""

    used: bool
    compared: int = 0
    why: str = ""


def fastest(encoder: Encoder, documents: Sequence[str]) -> tuple[Encoder, Check]:
    """The encoder to use for a run, checked on some of its documents; the ids are the same either way."""
    if importlib.util.find_spec("gigatoken") is None:
        return encoder, Check(used=False, why="gigatoken is not installed")
    backend, why = _backend(encoder)
    if backend is None:
        return encoder, Check(used=False, why=why)
    texts = [*documents, *_hard_texts(), *_special_texts(encoder)]
    wrong = sum(ids.tolist() != truth[:-1].tolist() for ids, truth in zip(_ids(backend, texts), encoder.encode(texts), strict=True))
    if wrong:
        return encoder, Check(used=False, compared=len(texts), why=f"gigatoken gives other ids for {wrong:,} of {len(texts):,} texts")
    return hastened(encoder), Check(used=True, compared=len(texts))


def hastened(encoder: Encoder) -> Encoder:
    """The encoder on gigatoken, for a run whose `Check` said so; where it is not installed, the encoder itself."""
    if importlib.util.find_spec("gigatoken") is None:
        return encoder
    backend, why = _backend(encoder)
    if backend is None:
        raise DataError(f"this gigatoken does not take a tokenizer that another did: {why}; install the pinned version")
    return FastEncoder(tokenizer=encoder.tokenizer, end_id=encoder.end_id, backend=backend)


def _backend(encoder: Encoder) -> tuple[Any, str]:
    """gigatoken's tokenizer, or None and why there is none. Special tokens are left out: in a text they are text."""
    import gigatoken

    said = json.loads(encoder.to_json())
    said["added_tokens"] = [token for token in said["added_tokens"] if not token["special"]]
    try:
        return gigatoken.Tokenizer.from_json(json.dumps(said)), ""
    except (RuntimeError, ValueError) as error:
        return None, f"gigatoken does not do it: {str(error).splitlines()[0]}"


def _ids(backend: Any, texts: Sequence[str]) -> Iterator[np.ndarray]:
    """The ids of each text, without its end: views of one array; uint32[tokens]."""
    if not texts:
        return
    layout = backend.encode_batch(list(texts)).layout
    ids, bounds = np.asarray(layout.content.data), np.asarray(layout.offsets.data).tolist()
    yield from (ids[start:end] for start, end in pairwise(bounds))


def _special_texts(encoder: Encoder) -> list[str]:
    names = [token.content for token in encoder.tokenizer.get_added_tokens_decoder().values()]
    return ["", " ", *names, " ".join(names), *(f"a{name}b \n{name}" for name in names)]


@cache
def _hard_texts() -> list[str]:
    """Characters of all categories and scripts, each after and before a letter, a digit, a space and itself.

    Of long runs of characters that have no names of their own (ideographs, Hangul) some stand for all.
    """
    chosen: list[str] = []
    run = 0
    for code in range(0x110000):
        character = chr(code)
        category = unicodedata.category(character)
        if category in ("Cn", "Co", "Cs"):
            continue
        alike = unicodedata.name(character, "").startswith(("CJK", "HANGUL SYLLABLE", "TANGUT", "CUNEIFORM", "EGYPTIAN", "YI SYLLABLE"))
        run = run + 1 if alike else 0
        if run <= _UNIFORM or run % _UNIFORM == 0:
            chosen.append(character)
    groups = (chosen[start : start + _PER_BATCH] for start in range(0, len(chosen), _PER_BATCH))
    texts = ["".join(f" {one}a{one}1{one}{one}  {one}\n" for one in group) for group in groups]
    spaces = [" ", "  ", "\n\n", "\t", "\r\n", "\u00a0", "\u3000", "\u200b"]
    return [*texts, *(f"a{left}{right}b{right}{left}'s" for left in spaces for right in spaces)]
