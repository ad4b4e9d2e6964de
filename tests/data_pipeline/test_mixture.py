"""A mixture page is read strictly, each source by the section of its own kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_pipeline.mixture import load_mixture, shipped_mixtures
from data_pipeline.sources import SOURCES
from data_pipeline.sources.files import Files
from data_pipeline.sources.python_installation import PythonInstallation
from orchestrator.errors import CommandError, PageError

GOOD = """
sources:
  - {name: books, kind: files, paths: books/*.txt, weight: 0.7}
  - {name: code, kind: python_installation, parts: [library], limit: 8MB, weight: 3e-1}
tokenizer: {train: byte_bpe, vocab_size: 4K}
"""


def load(folder: Path, text: str) -> object:
    (folder / "page.yaml").write_text(text)
    return load_mixture(folder / "page.yaml")


def test_a_page_becomes_typed_sources_with_paths_from_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "page.yaml").write_text(GOOD)
    mixture = load_mixture(tmp_path / "page.yaml")
    books, code = mixture.sources
    assert isinstance(books, Files)
    assert books.paths == (f"{tmp_path}/books/*.txt",)
    assert isinstance(code, PythonInstallation)
    assert code.limit == 8_000_000
    assert (mixture.name, mixture.tokenizer.vocab_size) == ("page", 4000)
    assert [source.weight for source in mixture.sources] == [0.7, 0.3]


def test_shipped_mixtures_are_named_and_good() -> None:
    assert "python" in shipped_mixtures()
    for name in shipped_mixtures():
        assert load_mixture(name).name == name


def test_every_kind_is_called_as_its_file() -> None:
    for name in SOURCES.names():
        kinds = SOURCES.get(name).model_json_schema()["properties"]["kind"]
        assert kinds["const"] == name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "kind: files",
            "kind: fils",
            r"page.yaml:3:\d+: sources\[0\].kind: found 'fils'.*\n    fix: write `files`",
        ),
        ("kind: files, ", "", r"page.yaml:3:\d+: sources\[0\].kind: is missing"),
        ("paths: books", "path: books", r"sources\[0\].path: unknown key; .*text_field"),
        ("limit: 8MB", "limit: 8MBits", r"page.yaml:4:\d+: sources\[1\].limit: expected a size, found '8MBits'"),
        ("limit: 8MB", "limit: 0", r"sources\[1\].limit: expected at least 1, found 0"),
        ("[library]", "[lib]", r"sources\[1\].parts\[0\]: found 'lib'; allowed: library"),
        ("weight: 0.7", "weight: 0", r"sources\[0\].weight: expected more than 0, found 0"),
        ("name: code", "name: Books", r"two sources are called 'books'"),
        ("name: code", "name: a/b", r"sources\[1\].name"),
        ("vocab_size: 4K", "vocab_size: 256", r"page.yaml:5:\d+: tokenizer.vocab_size: .*257"),
        ("{train: byte_bpe, vocab_size: 4K}", "{vocab_size: 4K}", "say either `train` or `file`"),
        ("train: byte_bpe", "train: byte_bpe, file: x", "say either `train` or `file`"),
        (", vocab_size: 4K", "", "`train` needs a vocab_size"),
        ("train: byte_bpe", "file: tokenizer.json", "the file decides the vocabulary"),
    ],
)
def test_a_bad_page_is_told_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(PageError, match=message):
        load(tmp_path, GOOD.replace(old, new))


def test_an_unknown_name_lists_the_mixtures_that_ship() -> None:
    with pytest.raises(CommandError, match="unknown mixture 'pyton'; did you mean 'python'"):
        load_mixture("pyton")


def test_a_missing_page_is_told() -> None:
    with pytest.raises(PageError, match="there is no such file"):
        load_mixture("./nowhere.yaml")


def test_weights_that_leave_nothing_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    """It was told after all texts had been cleaned."""
    sources = "sources:\n  - {name: a, kind: files, paths: a.jsonl, weight: 1}\n  - {name: b, kind: files, paths: b.jsonl}\n"
    (tmp_path / "m.yaml").write_text(f"{sources}tokenizer: {{train: byte_bpe, vocab_size: 300}}\n")
    with pytest.raises(PageError, match=r"\(a 1\) sum to 1 and leave nothing of 1 for b"):
        load_mixture(tmp_path / "m.yaml")
