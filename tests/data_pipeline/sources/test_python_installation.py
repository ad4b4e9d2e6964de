"""The Python installation gives real text, the same on every reading, that names nothing of this machine."""

from __future__ import annotations

import gettext
import sys
import sysconfig
from pathlib import Path

import pytest

from data_pipeline.sources import Document, Rejected
from data_pipeline.sources.python_installation import _CANDIDATES, PythonInstallation


def documents(*parts: str, limit: int | None = None) -> list[Document]:
    said = {"name": "python", "kind": "python_installation", "weight": 1.0, "parts": parts, "limit": limit}
    records = list(PythonInstallation.model_validate(said).documents())
    assert not [record for record in records if isinstance(record, Rejected)]
    return [record for record in records if isinstance(record, Document)]


def size(found: list[Document]) -> int:
    return sum(len(document.text.encode()) for document in found)


def test_the_library_is_read_as_it_is() -> None:
    found = {document.id: document.text for document in documents("library")}
    root = Path(sysconfig.get_path("stdlib"))
    assert size(documents("library")) > 2_000_000
    for name in list(found)[:5]:
        assert found[name] == (root / name.removeprefix("library/")).read_text("utf-8")
    assert not [name for name in found if "/test" in name or "site-packages" in name]


def test_documentation_holds_topics_and_docstrings() -> None:
    found = {document.id: document.text for document in documents("documentation", limit=600_000)}
    assert [name for name in found if name.startswith("documentation/topics/")]
    assert [name for name in found if name.startswith("documentation/docstrings/")]


def test_no_module_is_read_both_as_source_and_for_its_docstrings() -> None:
    """A held-out docstring would otherwise be trained on inside its module."""
    library = {candidate.id.removeprefix("library/") for candidate in _CANDIDATES["library"]()}
    prefix = "documentation/docstrings/"
    explained = {candidate.id.removeprefix(prefix) for candidate in _CANDIDATES["documentation"]()}
    assert len(library) > 300
    assert len(explained) > 100
    assert not library & explained


def test_packages_have_descriptions_and_licences() -> None:
    names = [document.id for document in documents("packages")]
    assert "packages/pydantic/description" in names
    assert "packages/pydantic/LICENSE" in names


def test_a_project_in_the_current_folder_is_not_part_of_the_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m` puts the current folder on sys.path; the console command does not: same data in both."""
    info = tmp_path / "mine.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\nSummary: a draft\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert not [document.id for document in documents("packages") if "/mine/" in document.id]


def test_translations_are_read_where_there_are_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "share" / "locale" / "fr" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "tool.mo").write_bytes(
        catalog({"": "Content-Type: text/plain; charset=UTF-8\n", "yes": "oui", "no": "non"})
    )
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    (found,) = documents("translations")
    assert (found.id, found.text) == ("translations/fr/LC_MESSAGES/tool.mo", "non\noui")


@pytest.mark.parametrize("limit", [100_000, 1_000_000])
def test_a_limit_is_nearly_filled_by_a_fair_draw(limit: int) -> None:
    found = documents("library", limit=limit)
    assert 0.9 * limit < size(found) <= limit
    assert [document.id for document in found] != sorted(document.id for document in found)


def test_parts_share_the_limit_equally() -> None:
    found = documents("library", "packages", limit=400_000)
    for part in ("library", "packages"):
        assert 180_000 < size([document for document in found if document.meta["part"] == part]) <= 200_000


def test_every_reading_is_the_same_and_ids_are_unique_and_relative() -> None:
    first, second = (
        documents("library", "packages", limit=600_000),
        documents("library", "packages", limit=600_000),
    )
    assert first == second
    names = [document.id for document in first]
    assert len(set(names)) == len(names)
    assert not [
        name for name in names if name.startswith("/") or sys.prefix in name or sys.base_prefix in name
    ]


def catalog(messages: dict[str, str]) -> bytes:
    """A .mo file by the format in the gettext manual (10.3, "The Format of GNU MO Files")."""
    pairs = [(key.encode(), text.encode()) for key, text in sorted(messages.items())]
    at = 28 + 16 * len(pairs)
    tables, strings = [b"", b""], b""
    for which in (0, 1):
        for pair in pairs:
            tables[which] += len(pair[which]).to_bytes(4, "little") + (at + len(strings)).to_bytes(
                4, "little"
            )
            strings += pair[which] + b"\0"
    header = (0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, at)
    return b"".join(number.to_bytes(4, "little") for number in header) + b"".join(tables) + strings


def test_the_catalog_of_these_tests_is_one_that_gettext_reads(tmp_path: Path) -> None:
    (tmp_path / "x.mo").write_bytes(catalog({"": "Content-Type: text/plain; charset=UTF-8\n", "yes": "oui"}))
    with (tmp_path / "x.mo").open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("yes") == "oui"
