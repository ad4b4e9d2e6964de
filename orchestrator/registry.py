"""Names on a page -> code, without a list that every newcomer must edit.

A family, an objective, a source: each is one module in one package, and its registered name is the
module's file name. So the valid names are a listing of files (nothing is imported to answer `make
check`), only the module asked for is imported, and a new one costs a new file and edits none.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from orchestrator.errors import UnknownName

T = TypeVar("T")


class Registry(Generic[T]):
    """The modules of `package`, each of which calls `register` once.

        FAMILIES: Registry[Family] = Registry(kind="model family", package="orchestrator.architecture.families")

        # orchestrator/architecture/families/llama.py
        @FAMILIES.register
        class Llama(Family): ...
    """

    def __init__(self, *, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._entries: dict[str, T] = {}

    def register(self, entry: T) -> T:
        """Registers `entry` under its module's file name; usable as a decorator."""
        module = entry.__module__
        if module.rpartition(".")[0] != self.package:
            raise AssertionError(f"{module} is not in {self.package}, the home of every {self.kind}")
        self._entries[module.rpartition(".")[2]] = entry
        return entry

    def names(self) -> tuple[str, ...]:
        """The valid names, sorted; no module of the package is imported."""
        spec = importlib.util.find_spec(self.package)
        if spec is None or spec.submodule_search_locations is None:
            raise AssertionError(f"{self.package} is not a package")
        found = pkgutil.iter_modules(spec.submodule_search_locations)
        return tuple(sorted(module.name for module in found if not module.name.startswith("_")))

    def get(self, name: str) -> T:
        """The entry called `name`. Raises UnknownName, which lists the valid names."""
        if name not in self.names():
            raise UnknownName(unknown(self.kind, name, self.names()))
        if name not in self._entries:
            importlib.import_module(f"{self.package}.{name}")
        return self._entries[name]


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name most like `name`, if any is like it."""
    folded = {candidate.lower(): candidate for candidate in valid}
    found = difflib.get_close_matches(str(name).lower(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def unknown(kind: str, name: str, valid: Iterable[str]) -> str:
    """`unknown model family 'lama'; did you mean 'llama'? (there are: llama)`."""
    names = sorted(valid)
    guess = nearest(name, names)
    hint = f"; did you mean {guess!r}?" if guess else ""
    return f"unknown {kind} {name!r}{hint} (there are: {', '.join(names) or 'none'})"


FAMILIES: Registry[Any] = Registry(kind="model family", package="orchestrator.architecture.families")
"""Each entry is a `Family`: the numbers of `model:` on a page, and the Architecture they mean."""

OBJECTIVES: Registry[Any] = Registry(kind="objective", package="orchestrator.objectives")
"""Each entry is an `Objective`: how samples become a batch, and a batch a loss."""
