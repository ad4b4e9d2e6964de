"""Names on a page are file names in a package: a newcomer costs one file and edits none."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import CommandError, UnknownName
from orchestrator.registry import FAMILIES, OBJECTIVES, Registry, nearest, unknown


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[Any]:
    package = tmp_path / "zoo_of_tests"
    package.mkdir()
    registry: Registry[Any] = Registry(kind="animal", package="zoo_of_tests")
    (package / "__init__.py").write_text("ANIMALS = None\n")
    animal = "import zoo_of_tests\n\n@zoo_of_tests.ANIMALS.register\nclass {}: ...\n"
    (package / "cat.py").write_text(animal.format("Cat"))
    (package / "dog.py").write_text(animal.format("Dog"))
    (package / "_shared.py").write_text("raise RuntimeError('private modules are no entries')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import zoo_of_tests  # type: ignore[import-not-found]

    monkeypatch.setattr(zoo_of_tests, "ANIMALS", registry)
    yield registry
    for name in [name for name in sys.modules if name.partition(".")[0] == "zoo_of_tests"]:
        del sys.modules[name]


def test_names_are_files_and_nothing_is_imported_to_list_them(zoo: Registry[Any]) -> None:
    assert zoo.names() == ("cat", "dog")
    assert "zoo_of_tests.cat" not in sys.modules


def test_only_the_module_asked_for_is_imported(zoo: Registry[Any]) -> None:
    assert zoo.get("cat").__name__ == "Cat"
    assert "zoo_of_tests.dog" not in sys.modules


def test_a_new_file_is_a_new_name(zoo: Registry[Any], tmp_path: Path) -> None:
    (tmp_path / "zoo_of_tests" / "cow.py").write_text("import zoo_of_tests\n\n@zoo_of_tests.ANIMALS.register\ndef moo(): ...\n")
    assert zoo.get("cow").__name__ == "moo"


def test_an_unknown_name_lists_the_valid_ones_and_the_nearest(zoo: Registry[Any]) -> None:
    with pytest.raises(UnknownName, match=r"unknown animal 'dogg'; did you mean 'dog'\? \(there are: cat, dog\)") as caught:
        zoo.get("dogg")
    assert isinstance(caught.value, CommandError)


@pytest.mark.parametrize("name", ["", "cat.dog", "../cat", "_shared", "__init__", "Cat"])
def test_what_is_no_file_of_the_package_is_unknown(zoo: Registry[Any], name: str) -> None:
    with pytest.raises(UnknownName):
        zoo.get(name)


def test_an_entry_lives_in_its_package(zoo: Registry[Any]) -> None:
    with pytest.raises(AssertionError, match="is not in zoo_of_tests"):
        zoo.register(Path)


@pytest.mark.parametrize(
    ("name", "found"), [("lama", "llama"), ("LLAMA", "llama"), ("llama", "llama"), ("zzz", None), ("", None), ("gpt_noex", "gpt_neox")]
)
def test_the_nearest_name(name: str, found: str | None) -> None:
    assert nearest(name, ["llama", "gpt_neox"]) == found


@given(st.text(max_size=10), st.lists(st.text(max_size=10), max_size=4))
def test_the_message_names_all(name: str, valid: list[str]) -> None:
    message = unknown("thing", name, valid)
    assert repr(name) in message
    assert all(other in message for other in valid)


def test_the_projects_own_registries() -> None:
    assert "llama" in FAMILIES.names()
    assert "causal_lm" in OBJECTIVES.names()
