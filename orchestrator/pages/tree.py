"""YAML text -> plain values that remember where they stand.

PyYAML's own loaders resolve `1e-4` to text, `no` to False and `12:30` to 750, keep the last of two
equal keys, and forget line numbers. This reader composes the node tree with PyYAML and resolves the
scalars itself, by the rules of YAML 1.2: null, true, false, whole numbers (with `_`), numbers, text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from orchestrator.errors import PageError, Problem
from orchestrator.pages.syntax import syntax_problem
from orchestrator.registry import nearest

Path_ = tuple[str | int, ...]
_INT = re.compile(r"[-+]?[0-9][0-9_]*")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?")
LONGEST_NUMBER = 400
"""Digits beyond this are text: Python refuses to convert numbers of thousands of digits."""
_WORDS: Mapping[str, Any] = {
    "": None, "~": None, "null": None, "true": True, "false": False,
    ".inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan"),
}  # fmt: skip
LARGEST_PAGE = 2**20


@dataclass(frozen=True)
class Place:
    """Where a value was said: a file with line and column from 1, or the text of an override."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, kw_only=True)
class Page:
    """Plain values (dict, tuple, str, int, float, bool, None) and the place of each.

    `keys` holds the place of the key (or list item) at a dotted path, `values` that of its value.
    """

    file: str
    data: dict[str, Any]
    keys: dict[Path_, Place] = field(default_factory=dict)
    values: dict[Path_, Place] = field(default_factory=dict)

    def place(self, path: Path_) -> Place:
        """The place of the value at `path`, or of the nearest section around it that was said.

        A section whose lines follow its key stands where the key is.
        """
        while path and path not in self.values:
            path = path[:-1]
        value = self.values.get(path, Place(self.file, 1, 1))
        key = self.keys.get(path, value)
        return key if key.line < value.line else value


def read_page_tree(path: str | Path) -> Page:
    """Reads one YAML file. Raises PageError for a file that is missing, empty, not text or not YAML."""
    file = str(path)
    try:
        raw = Path(path).read_bytes()
    except FileNotFoundError:
        raise PageError([Problem(file=file, message="there is no such file", fix=_similar_file(Path(path)))]) from None
    except IsADirectoryError:
        fix = _pages_of(Path(path))
        raise PageError([Problem(file=file, message="is a folder, and a page is one file", fix=fix)]) from None
    except OSError as error:
        message, fix = f"cannot be read: {error.strerror}", "check the path and who may read it"
        raise PageError([Problem(file=file, message=message, fix=fix)]) from None
    if len(raw) > LARGEST_PAGE:
        message = f"has {len(raw):,} bytes; a page holds at most {LARGEST_PAGE:,}"
        raise PageError([Problem(file=file, line=1, column=1, message=message, fix="is it a page, and not data?")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        fix = "save the file as UTF-8"
        raise PageError([Problem(file=file, line=line, column=column, message=message, fix=fix)]) from None
    return parse_page(text, file)


def parse_page(text: str, file: str) -> Page:
    """Parses YAML text whose top level is a section. Raises PageError."""
    try:
        documents = list(yaml.compose_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        raise PageError([syntax_problem(error, file, text)]) from None
    except yaml.reader.ReaderError as error:
        line, column = text.count("\n", 0, error.position) + 1, error.position - text.rfind("\n", 0, error.position)
        message = f"the character U+{ord(text[error.position]):04X} is not allowed in YAML"
        raise PageError([Problem(file=file, line=line, column=column, message=message, fix="delete it")]) from None
    except RecursionError:
        message, fix = "is nested too deeply", "a page has sections in sections, a few levels at most"
        raise PageError([Problem(file=file, line=1, column=1, message=message, fix=fix)]) from None
    if not documents or _is_empty(documents[0]):
        message = "the page is empty"
        raise PageError([Problem(file=file, line=1, column=1, message=message, fix="start from a page that ships")])
    if len(documents) > 1:
        message, fix = "a page is one document; a second one starts here", "remove the line `---`, or what follows it"
        line = documents[1].start_mark.line
        marks = [number for number, words in enumerate(text.splitlines()[: line + 1], start=1) if words.startswith("---")]
        raise PageError([Problem(file=file, line=marks[-1], column=1, message=message, fix=fix)])
    reader = _Reader(file)
    root = documents[0]
    if not isinstance(root, yaml.MappingNode):
        message, fix = f"expected `key: value` lines, found {_kind(root)}", "start from a page that ships"
        raise PageError([_problem(root, file, (), message, fix)])
    data = reader.value(root, ())
    if reader.problems:
        raise PageError(reader.problems)
    return Page(file=file, data=data, keys=reader.keys, values=reader.values)


def scalar(text: str) -> Any:
    """One plain (unquoted) word by the rules of YAML 1.2; `1e-4` is a number, `no` is text."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if len(text) > LONGEST_NUMBER:
        return text
    if _INT.fullmatch(text):
        return int(text.replace("_", ""))
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    return text


class _Loader(yaml.SafeLoader):
    """PyYAML's composer without its YAML 1.1 guesses: a node has a tag only where the page writes one."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        return ""


class _Reader:
    """Walks the node tree once; collects values, places and problems."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.keys: dict[Path_, Place] = {}
        self.values: dict[Path_, Place] = {}
        self.problems: list[Problem] = []
        self._seen: set[int] = set()

    def value(self, node: yaml.Node, path: Path_) -> Any:
        self.values[path] = _place(node, self.file)
        if id(node) in self._seen:
            place = self.values[path] = self.keys[path]
            message = "refers to another part of the page (a YAML alias)"
            fix = "write the value out: a page says each thing where it stands"
            self.problems.append(
                Problem(file=self.file, line=place.line, column=place.column, path=dotted(path), message=message, fix=fix)
            )
            return None
        self._seen.add(id(node))
        if node.tag:
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            self._report(node, path, f"has the YAML tag {tag}", "remove the tag; pages hold plain values")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            for position, item in enumerate(node.value):
                self.keys[(*path, position)] = _place(item, self.file)
            return tuple(self.value(item, (*path, position)) for position, item in enumerate(node.value))
        assert isinstance(node, yaml.ScalarNode)
        return node.value if node.style is not None else scalar(node.value)

    def _mapping(self, node: yaml.MappingNode, path: Path_) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is None or not name:
                self._report(key, path, f"a key must be a word, found {_kind(key)}", "write `key: value`")
            elif name == "<<":
                self._report(key, path, "YAML merge keys are not read", "write the keys out")
            elif name in found:
                first = self.keys[(*path, name)]
                self._report(key, (*path, name), f"is said twice; first on line {first.line}", "remove one of the two")
            else:
                self.keys[(*path, name)] = _place(key, self.file)
                found[name] = self.value(value, (*path, name))
        return found

    def _report(self, node: yaml.Node, path: Path_, message: str, fix: str) -> None:
        self.problems.append(_problem(node, self.file, path, message, fix))


def dotted(path: Path_) -> str:
    """("stages", 0, "name") -> `stages[0].name`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def _place(node: yaml.Node, file: str) -> Place:
    return Place(file, node.start_mark.line + 1, node.start_mark.column + 1)


def _problem(node: yaml.Node, file: str, path: Path_, message: str, fix: str = "") -> Problem:
    place = _place(node, file)
    return Problem(file=file, line=place.line, column=place.column, path=dotted(path), message=message, fix=fix)


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "a section" if isinstance(node, yaml.MappingNode) else f"the single value {node.value!r}"


def _is_empty(node: yaml.Node | None) -> bool:
    return node is None or (isinstance(node, yaml.ScalarNode) and node.style is None and not node.value)


def _similar_file(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"there is no folder {folder} either"
    guess = nearest(path.name, (entry.name for entry in folder.glob("*.yaml")))
    return f"did you mean {folder / guess}?" if guess else _pages_of(folder)


def _pages_of(folder: Path) -> str:
    pages = sorted(str(entry) for entry in folder.glob("*.yaml"))
    return f"pages there: {', '.join(pages)}" if pages else f"{folder} holds no page; pages end in .yaml"
