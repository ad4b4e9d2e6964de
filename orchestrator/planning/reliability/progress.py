"""Work of a simulated run: done, in a checkpoint, on disk. In seconds at full speed."""

from __future__ import annotations

import math
import random


class Progress:
    """A checkpoint counts from when it is on disk; one at a time is on its way there."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._on_disk = 0.0
        self._written_at = -math.inf
        self.done = 0.0
        self.taken = 0.0
        """Work in the newest checkpoint, on disk or on its way."""

    @property
    def next_save(self) -> float:
        return self.taken + self._every_s

    def backlog_s(self, now: float) -> float:
        """Seconds that a save has to wait for the one before it."""
        return max(0.0, self._written_at - now)

    def take(self, now: float, persist_s: float) -> None:
        """A checkpoint of what is done, on disk `persist_s` from now."""
        self._settle(now)
        self.taken = self.done
        self._written_at = now + persist_s
        self._settle(now)

    def jump(self, saves: int, now: float, persist_s: float) -> None:
        """So many whole intervals at once, the last of them ending with a checkpoint now."""
        self._on_disk = self.taken + (saves - 1) * self._every_s
        self.done += saves * self._every_s
        self.taken, self._written_at = self.done, now + persist_s
        self._settle(now)

    def restore(self, now: float, chance: random.Random, unreadable: float) -> float:
        """Goes back to the newest checkpoint that is on disk and loads; returns the work that is lost."""
        self._settle(now)
        while unreadable and self._on_disk > 0 and chance.random() < unreadable:
            self._on_disk = max(0.0, self._on_disk - self._every_s)
        lost = self.done - self._on_disk
        self.done = self.taken = self._on_disk
        self._written_at = -math.inf
        return lost

    def _settle(self, now: float) -> None:
        if self._written_at <= now:
            self._on_disk = self.taken
