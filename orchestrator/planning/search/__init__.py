"""The search for a layout: everything that `auto` leaves open, ranked by predicted step time.

    space.py      which layouts are legal, generated
    judge.py      their time and memory, and a bound on their time
    best.py       the fastest that fit, best first
    candidate.py  what was found, and why each loses to the best
"""

from orchestrator.planning.search.best import search
from orchestrator.planning.search.candidate import Candidate, Searched, explained
from orchestrator.planning.search.judge import Judge
from orchestrator.planning.search.space import MOST_TOKENS_PER_MICRO_BATCH, Space

__all__ = ["MOST_TOKENS_PER_MICRO_BATCH", "Candidate", "Judge", "Searched", "Space", "explained", "search"]
