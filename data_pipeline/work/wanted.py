"""Which finished jobs a page may still need, where several pages share a store.

Two pages of one name, in different folders, find each other's work, since jobs go by what they do and read. But who is done
removes what it does not need, and that was the work of the other. So each page has a list here, which grows as it asks, and
nothing is removed that is on one; a page that is gone needs nothing.

    store/pages/7d3f0c2a....txt     path of the page, then the names of its jobs, a line each
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from data_pipeline.files import write_file

FOLDER = "pages"


class Wanted:
    """The list of `page`, and those of the others, in the store at `store`."""

    def __init__(self, store: Path, page: Path) -> None:
        self._page = str(page)
        self._path = store / FOLDER / f"{hashlib.sha256(self._page.encode()).hexdigest()[:16]}.txt"

    def add(self, name: str) -> None:
        if not self._path.exists():
            self.settle(())
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")

    def settle(self, names: Iterable[str]) -> None:
        """These are all; what the page asked for before it was changed is not."""
        write_file(self._path, "".join(f"{line}\n" for line in (self._page, *sorted(names))))

    def by_others(self) -> set[str]:
        """What is on the lists of other pages; those of pages that are gone are removed."""
        found: set[str] = set()
        for path in self._path.parent.glob("*.txt"):
            page, *names = path.read_text("utf-8").splitlines()
            if not Path(page).exists():
                path.unlink()
            elif path != self._path:
                found.update(names)
        return found
