"""Tokenizers give back the text they were given, and no text forges the end of its document."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from tokenizers import AddedToken, Tokenizer, models

from data_pipeline.tokenize import encoder as module
from data_pipeline.tokenize.encoder import load_encoder, train_encoder
from data_pipeline.tokenize.recipes.byte_bpe import END, ByteBPE
from orchestrator.errors import PageError

TEXTS = [
    f"the {word} of the {word}, and the {word}ing" for word in ("order", "sample", "shard", "token", "epoch")
] * 3
ENCODER = train_encoder(ByteBPE(), TEXTS, 320)


def test_the_end_of_a_document_is_id_0_and_ends_every_text() -> None:
    assert ENCODER.end_id == 0
    assert ENCODER.tokenizer.id_to_token(0) == END
    assert [ids[-1] for ids in ENCODER.encode(["one", ""])] == [0, 0]
    assert ENCODER.encode([]) == []
    assert {ids.dtype for ids in ENCODER.encode(["one", ""])} == {np.dtype("int32")}


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
    assert train_encoder(ByteBPE(), TEXTS, 280).vocab_size == 280
    assert 280 < ENCODER.vocab_size < 320
    assert max(ids.max() for ids in ENCODER.encode(TEXTS)) == ENCODER.vocab_size - 1


def test_texts_that_are_encoded_apart_have_the_same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long texts go to the library a few at a time, for its memory."""
    together = ENCODER.encode([*TEXTS, "", *TEXTS])
    monkeypatch.setattr(module, "_AT_ONCE", 50)
    for one, other in zip(ENCODER.encode([*TEXTS, "", *TEXTS]), together, strict=True):
        assert one.tolist() == other.tolist()


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


def test_a_vocabulary_that_text_reaches_is_given_a_split(tmp_path: Path) -> None:
    """A unigram model finds `</s>` in a text whatever the flag for special tokens says; T5's file is of this kind."""
    pieces = [("<unk>", 0.0), ("</s>", 0.0), *((piece, -2.0) for piece in ("<", "/", "s", ">", "/s>", "a"))]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.add_special_tokens(["</s>"])
    tokenizer.encode_special_tokens = True
    assert tokenizer.encode("a</s>a").tokens == ["a", "</s>", "a"]
    tokenizer.save(str(tmp_path / "unigram.json"))
    encoder = load_encoder(tmp_path / "unigram.json")
    assert encoder.encode(["a</s>a"])[0].tolist() == [7, 2, 6, 7, 1]
    again = tmp_path / "again.json"
    again.write_text(encoder.to_json())
    assert load_encoder(again).encode(["a</s>a"])[0].tolist() == [7, 2, 6, 7, 1]


def test_an_end_of_one_character_that_any_text_may_hold_is_refused(tmp_path: Path) -> None:
    path = tokenizer_file(tmp_path, {"?": 0, "\n": 1})
    with pytest.raises(PageError, match=r"makes the end of a document.*\n    fix: choose another end"):
        load_encoder(path, "\n")


@pytest.mark.parametrize(
    ("beside", "content"),
    [
        ("tokenizer_config.json", {"eos_token": "<stop>"}),
        ("tokenizer_config.json", {"eos_token": {"content": "<stop>", "lstrip": False}}),
        ("special_tokens_map.json", {"eos_token": "<stop>"}),
    ],
)
def test_a_folder_says_its_own_end(tmp_path: Path, beside: str, content: dict[str, object]) -> None:
    tokenizer_file(tmp_path, {"?": 0, "<stop>": 1, "</s>": 2}).rename(tmp_path / "tokenizer.json")
    assert load_encoder(tmp_path).end_id == 2
    (tmp_path / beside).write_text(json.dumps(content))
    assert load_encoder(tmp_path).end_id == 1
    assert load_encoder(tmp_path, "</s>").end_id == 2


@pytest.mark.filterwarnings("ignore")  # transformers warns that no deep learning framework was chosen
def test_a_folder_that_transformers_saved_is_read(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    inner = Tokenizer.from_str(ENCODER.to_json())
    inner.add_special_tokens([AddedToken("<over>", special=True)])
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<over>")
    theirs.save_pretrained(tmp_path)
    ours = load_encoder(tmp_path)
    assert ours.end_id == theirs.eos_token_id
    assert [ids[:-1].tolist() for ids in ours.encode(TEXTS)] == theirs(TEXTS)["input_ids"]


def test_what_is_no_tokenizer_is_told(tmp_path: Path) -> None:
    with pytest.raises(PageError, match="there is no such file"):
        load_encoder(tmp_path / "none.json")
    with pytest.raises(PageError, match=r"tokenizer.json.* there is no such file"):
        load_encoder(tmp_path)
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(PageError, match=r"is not a tokenizer.json"):
        load_encoder(tmp_path / "bad.json")
