"""What a catalogue page says of a corpus holds in every mixture that names it; its mistakes have its lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data_pipeline.mixture import MixturePage, page_model
from data_pipeline.sources._catalogue import resolve
from orchestrator.errors import PageError
from orchestrator.pages import read_page_tree, validate

CORPUS = """\
name: wiki
kind: files
language: fr
licence: CC-BY-SA-4.0
paths: texts/*.jsonl
steps: [filter_remove_empty_docs, {quality: {stop_words: words.txt}}]
max_epochs: 4
limit: 10GB
"""


def write(folder: Path, pages: dict[str, str]) -> None:
    for name, text in pages.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def mixture(folder: Path, sources: str) -> MixturePage:
    write(
        folder, {"page/mix.yaml": f"sources:\n{sources}\ntokenizer: {{train: byte_bpe, vocab_size: 300}}\n"}
    )
    path = folder / "page" / "mix.yaml"
    return validate(resolve(read_page_tree(path), path.parent), page_model())


def said(source: Any) -> dict[str, Any]:
    return {key: getattr(source, key) for key in source.model_fields_set}


@pytest.mark.parametrize(("where", "named"), [
    ("page/catalogue/wiki.yaml", "wiki"), ("page/wiki.yaml", "wiki.yaml"), ("shelf/wiki.yaml", "../shelf/wiki.yaml"),
])  # fmt: skip
def test_a_source_is_what_its_page_says(tmp_path: Path, where: str, named: str) -> None:
    write(tmp_path, {where: CORPUS})
    (source,) = mixture(tmp_path, f"  - {{catalogue: {named}, weight: 0.3}}").sources
    home = (tmp_path / where).parent
    assert (source.name, source.kind, source.language, source.licence, source.weight) == (
        "wiki",
        "files",
        "fr",
        "CC-BY-SA-4.0",
        0.3,
    )
    assert (source.max_epochs, source.limit, source.paths) == (4, 10**10, (str(home / "texts/*.jsonl"),))  # type: ignore[attr-defined]
    assert [step.step for step in source.steps] == ["filter_remove_empty_docs", "quality"]
    assert source.steps[1].stop_words == str(home / "words.txt")  # type: ignore[attr-defined]


def test_what_the_mixture_says_itself_comes_first(tmp_path: Path) -> None:
    write(tmp_path, {"page/catalogue/wiki.yaml": CORPUS})
    lines = "  - {catalogue: wiki, name: own, paths: mine.jsonl, steps: [dedup_document], max_epochs: 1}\n  - {catalogue: wiki}"
    own, plain = mixture(tmp_path, lines).sources
    assert (own.name, own.paths, [step.step for step in own.steps], own.max_epochs) == (
        "own",
        ("mine.jsonl",),
        ["dedup_document"],
        1,
    )  # type: ignore[attr-defined]
    assert (own.language, own.licence) == ("fr", "CC-BY-SA-4.0")
    assert (plain.name, plain.weight) == ("wiki", None)


def test_addresses_and_absolute_paths_stay(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "page/catalogue/wiki.yaml": CORPUS.replace(
                "texts/*.jsonl", "[s3://bucket/a.jsonl, /abs/b.jsonl, c.jsonl]"
            )
        },
    )
    (source,) = mixture(tmp_path, "  - {catalogue: wiki}").sources
    assert source.paths == ("s3://bucket/a.jsonl", "/abs/b.jsonl", str(tmp_path / "page/catalogue/c.jsonl"))  # type: ignore[attr-defined]


def test_pages_without_a_catalogue_are_as_before(tmp_path: Path) -> None:
    write(tmp_path, {"page/mix.yaml": "sources:\n  - {name: a, kind: files, paths: a.jsonl}\n"})
    page = read_page_tree(tmp_path / "page" / "mix.yaml")
    assert resolve(page, tmp_path / "page") == page


@pytest.mark.parametrize(("corpus", "line", "message"), [
    (CORPUS.replace("licence:", "licenze:"), 4, "unknown key.*fix: write `licence`"),
    (CORPUS.replace("max_epochs: 4", "max_epochs: many"), 7, "sources\\[0\\].max_epochs: expected a number"),
    (CORPUS.replace("filter_remove_empty_docs,", "filter_remove_emty_docs,"), 6, "unknown step 'filter_remove_emty_docs'.*write `filter_remove_empty_docs`"),
    (CORPUS.replace("language: fr", "language: french"), 3, "people write in"),
    (CORPUS.replace("kind: files", "kind: filez"), 2, "found 'filez'.*write `files`"),
    (CORPUS + "name: again\n", 9, "is said twice"),
    (CORPUS + "catalogue: other\n", 9, "names another one"),
])  # fmt: skip
def test_a_mistake_in_a_catalogue_page_is_told_with_its_line(
    tmp_path: Path, corpus: str, line: int, message: str
) -> None:
    write(tmp_path, {"page/catalogue/wiki.yaml": corpus})
    with pytest.raises(PageError, match=f"(?s)catalogue/wiki.yaml:{line}:.*{message}"):
        mixture(tmp_path, "  - {catalogue: wiki, weight: 1}")


@pytest.mark.parametrize(("entry", "message"), [
    ("{catalogue: wiky}", "catalogue/wiky.yaml: there is no such file\n    fix: did you mean .*catalogue/wiki.yaml"),
    ("{catalogue: 3}", "mix.yaml:2:.*expected the path or the name of a catalogue page"),
    ("{catalogue: wiki, weigth: 1}", "mix.yaml:2:.*weigth: unknown key.*\n    fix: write `weight`"),
    ("{catalogue: wiki, weight: -1}", "mix.yaml:2:.*weight: expected more than 0"),
])  # fmt: skip
def test_a_mistake_in_the_mixture_is_told_with_the_mixtures_line(
    tmp_path: Path, entry: str, message: str
) -> None:
    write(tmp_path, {"page/catalogue/wiki.yaml": CORPUS})
    with pytest.raises(PageError, match=message):
        mixture(tmp_path, f"  - {entry}")
