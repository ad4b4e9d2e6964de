"""Following a file that others append to.

The run's files are the truth and everything on a screen is a view of them, so each view reads the same
way: the complete lines since the last look, nothing twice, and no torn half of a line.
"""

from __future__ import annotations

from pathlib import Path


class Follower:
    """Complete lines appended to `path` since the last look; the file may not exist yet.

    `from_start`: begin with what is already there (a log), or only with what comes now (events of a resume).
    """

    def __init__(self, path: Path, *, from_start: bool = False) -> None:
        self.path = path
        self.offset = path.stat().st_size if path.exists() and not from_start else 0

    def new(self) -> list[str]:
        """Lines without their ends; bytes that are not UTF-8 are replaced."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self.offset += len(whole)
        return whole.decode("utf-8", "replace").splitlines()
