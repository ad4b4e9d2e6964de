"""Tokens per word, byte and character, counted on texts whose counts are known."""

from __future__ import annotations

from data_pipeline.tokenize.encoder import train_encoder
from data_pipeline.tokenize.fertility import Fertility, fertility
from data_pipeline.tokenize.recipes.byte_bpe import ByteBPE

BYTES_ALONE = train_encoder(ByteBPE(), [], 257)


def test_a_tokenizer_of_bytes_costs_one_token_a_byte() -> None:
    counted = fertility(BYTES_ALONE, ["two words", "né"] * 200)
    assert (counted.documents, counted.words, counted.characters) == (400, 600, 2200)
    assert counted.tokens == counted.bytes == 2400
    assert counted.facts()["tokens_per_byte"] == 1
    assert counted.facts()["tokens_per_word"] == 4


def test_in_a_script_without_spaces_each_character_is_a_word() -> None:
    assert fertility(BYTES_ALONE, ["我爱你。"]).words == 3


def test_counts_add_up_and_nothing_divides_by_nothing() -> None:
    one, other = fertility(BYTES_ALONE, ["a b"]), fertility(BYTES_ALONE, ["c"])
    one.add(other)
    assert one == fertility(BYTES_ALONE, ["a b", "c"])
    assert Fertility().facts()["tokens_per_word"] == 0
