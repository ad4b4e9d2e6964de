"""Handles of users in prose: `ask @jane_doe`.

In program text an `@` begins decorators, annotations, arrays, tags of documentation and packages. A handle is believed only
in a line that reads as prose, and at the begin of a line only if words follow and it is no tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from data_pipeline.privacy.found import Span

_HANDLE = re.compile(
    r"(?<![A-Za-z0-9_@/.:+~=\\&'`\"<>{\[*$%-])@(?=[A-Za-z0-9_.-]*[A-Za-z])[A-Za-z_][A-Za-z0-9_]{2,29}"
    r"(?![A-Za-z0-9_@(=\[{\\/:;<>*%&+$])(?![.-][A-Za-z0-9])"
)
_CODE = re.compile(r"[{}=\\$<>|`]|;\s*$|\[@|->|::|&&|^\s*(?://|#include|\.\\|%)")
_AROUND = 40
_BEGIN = re.compile(r"[\s*/#%;.!>|\"'-]*$")
_TAGS = frozenset({
    "param", "params", "parameter", "return", "returns", "returned", "throws", "throw", "exception", "author",
    "authors", "see", "since", "deprecated", "version", "link", "code", "inheritdoc", "override", "test",
    "property", "type", "typedef", "callback", "template", "private", "public", "protected", "internal",
    "example", "file", "brief", "note", "todo", "fixme", "module", "namespace", "class", "constructor",
    "function", "method", "event", "default", "static", "const", "constant", "enum", "interface", "extends",
    "implements", "license", "copyright", "summary", "description", "import", "media", "charset", "keyframes",
    "font-face", "include", "require", "define", "end", "begin", "node", "menu", "section", "chapter", "item",
    "itemize", "table", "ref", "xref", "var", "samp", "kbd", "command", "option", "env", "dfn", "cite",
    "acronym", "abbr", "url", "uref", "email", "image", "group", "defgroup", "ingroup", "addtogroup",
    "suppresswarnings", "functionalinterface", "nullable", "nonnull", "autowired", "component", "service",
    "staticmethod", "classmethod", "dataclass", "abstractmethod", "overload", "final", "pytest", "app",
    "decorator", "memoize", "cached", "lru_cache", "contextmanager", "reboot", "daily", "weekly", "monthly",
    "yearly", "hourly", "annually", "midnight",
})  # fmt: skip


def users(text: str) -> Iterator[Span]:
    if "@" not in text:
        return
    for found in _HANDLE.finditer(text):
        start, end = found.span()
        begin = text.rfind("\n", 0, start) + 1
        stop = text.find("\n", end)
        stop = stop if stop >= 0 else len(text)
        name = found[0][1:]
        if name.lower() in _TAGS or (name.isupper() and "_" in name):
            continue
        if _CODE.search(text[max(begin, start - _AROUND) : min(stop, end + _AROUND)]):
            continue
        if _BEGIN.fullmatch(text, begin, start) and len(text[end:stop].split()) < 2:
            continue
        yield Span(start, end, "user")
