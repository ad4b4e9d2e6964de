"""Tokenizers give back the text they were given, and are the same however they were trained."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from tokenizers import Tokenizer, models

from data_pipeline.tokenize import END, load_encoder, train_byte_bpe
from orchestrator.errors import PageError

TEXTS = [
    f"the {word} of the {word}, and the {word}ing" for word in ("order", "sample", "shard", "token", "epoch")
] * 3
ENCODER = train_byte_bpe(TEXTS, 320)


def test_the_end_of_a_document_is_id_0_and_ends_every_text() -> None:
    assert ENCODER.end_id == 0
    assert ENCODER.tokenizer.id_to_token(0) == END
    assert [ids[-1] for ids in ENCODER.encode(["one", ""])] == [0, 0]


@settings(max_examples=40, deadline=None)
@given(text=some.text(max_size=60))
def test_any_text_comes_back(text: str) -> None:
    (ids,) = ENCODER.encode([text])
    assert ENCODER.decode(ids[:-1].tolist()) == text


def test_a_text_cannot_forge_the_end_of_its_document() -> None:
    (ids,) = ENCODER.encode([f"before {END} after"])
    assert (ids == 0).sum() == 1
    assert ENCODER.decode(ids[:-1].tolist()) == f"before {END} after"


def test_the_vocabulary_has_the_size_asked_for_or_less_when_there_is_no_more_to_learn() -> None:
    assert train_byte_bpe(TEXTS, 280).vocab_size == 280
    assert 280 < ENCODER.vocab_size < 320
    assert max(ids.max() for ids in ENCODER.encode(TEXTS)) == ENCODER.vocab_size - 1


def test_training_does_not_depend_on_the_order_of_texts() -> None:
    shuffled = list(TEXTS)
    random.Random(3).shuffle(shuffled)
    assert train_byte_bpe(shuffled, 320).to_json() == ENCODER.to_json()


def test_a_saved_tokenizer_is_the_same_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(ENCODER.to_json())
    loaded = load_encoder(tmp_path / "tokenizer.json")
    assert loaded.end_id == 0
    for one, other in zip(loaded.encode([*TEXTS, END]), ENCODER.encode([*TEXTS, END]), strict=True):
        assert one.tolist() == other.tolist()


def tokenizer_file(folder: Path, vocabulary: dict[str, int]) -> Path:
    Tokenizer(models.WordLevel(vocabulary, unk_token="?")).save(str(folder / "other.json"))
    return folder / "other.json"


def test_the_end_of_other_tokenizers_is_found_by_name_and_gaps_count(tmp_path: Path) -> None:
    encoder = load_encoder(tokenizer_file(tmp_path, {"?": 0, "</s>": 2, "word": 9}))
    assert (encoder.end_id, encoder.vocab_size) == (2, 10)


def test_an_unusual_end_is_said_on_the_page(tmp_path: Path) -> None:
    path = tokenizer_file(tmp_path, {"?": 0, "<stop>": 1})
    with pytest.raises(PageError, match=r"none of the end-of-document tokens .*\n    fix: say its name"):
        load_encoder(path)
    assert load_encoder(path, "<stop>").end_id == 1


def test_what_is_no_tokenizer_is_told(tmp_path: Path) -> None:
    with pytest.raises(PageError, match="there is no such file"):
        load_encoder(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(PageError, match=r"is not a tokenizer.json"):
        load_encoder(tmp_path / "bad.json")
