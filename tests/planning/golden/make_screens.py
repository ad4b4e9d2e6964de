"""Writes the golden screens of `make plan`: `python -m tests.planning.golden.make_screens`, after looking at what changed.

They hold numbers of estimates, which change whenever an estimate gets better; what is kept is how a screen looks.
"""

from __future__ import annotations

from pathlib import Path

from orchestrator.planning.render import render
from tests.planning.render.plans import PAIRS, shipped, title

SCREENS = {f"plan-{name}-{width}.txt": (name, width) for name, width in zip(list(PAIRS)[:3], (80, 120, 100), strict=True)}
FOLDER = Path(__file__).parent


def screen(file: str) -> str:
    """What a golden file should hold."""
    name, width = SCREENS[file]
    return render(shipped(name), title(name), width=width) + "\n"


if __name__ == "__main__":
    for file in SCREENS:
        (FOLDER / file).write_text(screen(file), "utf-8")
