"""gigatoken is used only where it gives the library's ids, and is watched while it is used."""

from __future__ import annotations

import dataclasses
import importlib.util

import numpy as np
import pytest

from data_pipeline.tokenize import fast
from data_pipeline.tokenize.encoder import Encoder, train_encoder
from data_pipeline.tokenize.fast import FastEncoder, fastest, hastened
from data_pipeline.tokenize.recipes.byte_bpe import END, ByteBPE
from data_pipeline.tokenize.recipes.wordpiece import WordPiece
from orchestrator.errors import DataError
from tests.data_pipeline.tokenize.test_recipes import LITERALS, OTHERS, TEXTS

ENCODER = train_encoder(ByteBPE(), TEXTS, 900)


def test_without_it_the_library_encodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    encoder, check = fastest(ENCODER, TEXTS)
    assert encoder is ENCODER is hastened(ENCODER)
    assert (check.used, check.why) == (False, "gigatoken is not installed")


class TestInstalled:
    @pytest.fixture(autouse=True)
    def _needs_it(self) -> None:
        pytest.importorskip("gigatoken")

    def test_it_is_checked_and_gives_the_same_ids(self) -> None:
        encoder, check = fastest(ENCODER, TEXTS[:20])
        assert isinstance(encoder, FastEncoder)
        assert check.used
        assert check.compared > 600
        texts = [*TEXTS, *OTHERS, LITERALS, f"{END}{END}"]
        for one, other in zip(encoder.encode(texts), ENCODER.encode(texts), strict=True):
            assert one.dtype == np.int32
            assert one.tolist() == other.tolist()
        assert encoder.encode([]) == []
        assert encoder.to_json() == ENCODER.to_json()

    def test_all_characters_of_unicode_have_the_same_ids(self) -> None:
        characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
        texts = ["".join(characters[start : start + 4096]) for start in range(0, len(characters), 4096)]
        for one, other in zip(hastened(ENCODER).encode(texts), ENCODER.encode(texts), strict=True):
            assert one.tolist() == other.tolist()

    @pytest.mark.parametrize("recipe", [WordPiece(), ByteBPE(split="bloom")])
    def test_what_it_does_not_do_the_library_does(self, recipe: WordPiece | ByteBPE) -> None:
        encoder = train_encoder(recipe, TEXTS, 900)
        same, check = fastest(encoder, TEXTS)
        assert same is encoder
        assert check.why.startswith("gigatoken does not do it: ")
        with pytest.raises(DataError, match="does not take a tokenizer that another did"):
            hastened(encoder)

    def test_one_that_errs_is_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        other = train_encoder(ByteBPE(), TEXTS, 600)
        monkeypatch.setattr(fast, "_backend", lambda encoder, made=fast._backend: made(other))
        encoder, check = fastest(ENCODER, TEXTS)
        assert encoder is ENCODER
        assert not check.used
        assert "other ids for" in check.why

    def test_one_that_errs_later_is_caught_while_it_is_used(self) -> None:
        other: Encoder = hastened(train_encoder(ByteBPE(), TEXTS, 600))
        assert isinstance(other, FastEncoder)
        wrong = dataclasses.replace(other, tokenizer=ENCODER.tokenizer)
        with pytest.raises(DataError, match=r"give other ids for a document.*write `fast: false`"):
            wrong.encode(TEXTS)
