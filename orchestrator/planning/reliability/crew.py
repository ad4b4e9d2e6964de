"""The nodes of a simulated run: in use, spare and in repair."""

from __future__ import annotations

import heapq
import math

from orchestrator.planning.reliability.conditions import Recovery


class Crew:
    """Nodes leave when they fail and come back as spares. Idle nodes are taken not to fail."""

    def __init__(self, nodes: int, recovery: Recovery) -> None:
        self._nodes = nodes
        self._sizes = recovery.sizes
        self._repair_s = recovery.repair_s
        self._repairs: list[tuple[float, int]] = []
        self.in_use = nodes
        self.idle = recovery.spares

    @property
    def share(self) -> float:
        """Speed of the nodes in use, as a fraction of all of them; the batch stays, so it scales with their number."""
        return self.in_use / self._nodes

    @property
    def next_return(self) -> float:
        """When the next node comes back from repair."""
        return self._repairs[0][0] if self._repairs else math.inf

    def lose(self, count: int, now: float) -> None:
        """`count` of the nodes in use, or as many as there are, go to repair."""
        gone = min(count, self.in_use)
        if gone:
            self.in_use -= gone
            heapq.heappush(self._repairs, (now + self._repair_s, gone))

    def gather(self, now: float) -> int:
        """Puts the most nodes to work that make a legal size, 0 if none do; returns how many joined."""
        before = self.in_use
        self._take_back(now)
        size = self._legal(self.in_use + self.idle)
        self.idle += self.in_use - size
        self.in_use = size
        return max(0, size - before)

    def growth(self, now: float) -> float:
        """The share that a restart would add now."""
        self._take_back(now)
        return self._legal(self.in_use + self.idle) / self._nodes - self.share

    def _take_back(self, now: float) -> None:
        while self._repairs and self._repairs[0][0] <= now:
            self.idle += heapq.heappop(self._repairs)[1]

    def _legal(self, count: int) -> int:
        if count >= self._nodes:
            return self._nodes
        return max((size for size in self._sizes if size <= count), default=0)
