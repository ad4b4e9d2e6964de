"""What the page says of the tokenizer, and what it is told of mistakes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from data_pipeline.tokenize.recipes.byte_bpe import ByteBPE
from data_pipeline.tokenize.recipes.wordpiece import WordPiece
from data_pipeline.tokenize.section import TokenizerSection
from orchestrator.errors import PageError
from orchestrator.pages import Section, parse_page, validate


class Page(Section):
    tokenizer: TokenizerSection


def read(text: str) -> TokenizerSection:
    return validate(parse_page(f"tokenizer: {{{text}}}\n", "page.yaml"), Page).tokenizer


def test_a_recipe_is_said_by_name_or_with_its_options() -> None:
    assert read("train: byte_bpe, vocab_size: 32K").train == ByteBPE()
    assert read("train: {byte_bpe: {split: bloom}}, vocab_size: 250_680, alpha: 0.3, dedup_lines: true").train == ByteBPE(split="bloom")
    assert read("train: {wordpiece: {cased: true}}, vocab_size: 30K").train == WordPiece(cased=True)


def test_what_was_read_can_be_written_and_read_again() -> None:
    said = read("train: {unigram: {normalize: true}}, vocab_size: 8K")
    assert TokenizerSection.model_validate(said.model_dump() | {"train": said.train}) == said
    assert said.model_dump(mode="json")["train"] == {"recipe": "unigram", "byte_fallback": True, "normalize": True}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("train: byte_bp, vocab_size: 4K", "unknown recipe 'byte_bp'.*\n.*fix: write `byte_bpe`"),
        ("train: {byte_bpe: {split: blum}}, vocab_size: 4K", "tokenizer.train.byte_bpe.split: found 'blum'; allowed: gpt2, bloom"),
        ("train: {wordpiece: {case: true}}, vocab_size: 4K", "unknown key; this section knows .*\n.*fix: write `cased`"),
        ("train: 4, vocab_size: 4K", "expected the name of a recipe"),
        ("train: byte_bpe", "`train` needs a vocab_size"),
        ("vocab_size: 4K", "say either `train` or `file`"),
        ("train: byte_bpe, vocab_size: 4K, end: x", "the recipe names its own end"),
        ("file: a.json, alpha: 0.5", "no sample is drawn"),
        ("train: byte_bpe, vocab_size: 4K, alpha: 2", "expected at most 1, found 2"),
    ],
)
def test_mistakes_are_told(text: str, told: str) -> None:
    with pytest.raises(PageError, match=told):
        read(text)


def test_the_files_that_decide(tmp_path: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "model.bin"):
        (tmp_path / name).touch()
    assert [path.name for path in TokenizerSection(file=str(tmp_path)).files()] == ["tokenizer.json", "tokenizer_config.json"]
    assert TokenizerSection(file="some.json").files() == (Path("some.json"),)
    assert read("train: byte_bpe, vocab_size: 32K").files() == ()


def test_reading_a_page_imports_nothing_heavy() -> None:
    code = "import sys, data_pipeline.tokenize.section; print([name for name in ('tokenizers', 'sentencepiece', 'numpy') if name in sys.modules])"
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout.strip() == "[]"
