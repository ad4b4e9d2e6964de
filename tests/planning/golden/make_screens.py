"""Writes the golden screens of `make plan`, and the plan that the README shows: `python -m tests.planning.golden.make_screens`,
after looking at what changed.

They hold numbers of estimates, which change whenever an estimate gets better; what is kept is how a screen looks.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from orchestrator.launch.ground import ground
from orchestrator.launch.machine import Machine
from orchestrator.planning import make_plan
from orchestrator.planning.render import render
from orchestrator.spec import load_cluster, load_run
from tests.planning.render.plans import PAIRS, ROOT, shipped, title

SCREENS = {f"plan-{name}-{width}.txt": (name, width) for name, width in zip(list(PAIRS)[:3], (80, 120, 100), strict=True)}
FOLDER = Path(__file__).parent
README = ROOT / "README.md"
TWO_CORES = Machine(cores=2, memory=25_276_502_016, cpu_name="two cores", cpu_flops=156.6e9, gpus=())
"""Where the README's run was made; the peak is the one that the MFU of its lines is of."""
BEGIN, END = "    first: model_specs", "    data       python"


def screen(file: str) -> str:
    """What a golden file should hold."""
    name, width = SCREENS[file]
    return render(shipped(name), title(name), width=width) + "\n"


def first_run() -> str:
    """What `make train RUN=first` shows before it trains, as the README's block has it."""
    cluster = ground(load_cluster(ROOT / "cluster/laptop.yaml").spec, TWO_CORES)
    plan = make_plan(load_run(ROOT / "model_specs/llama/nano.yaml", "").spec, cluster)
    return textwrap.indent(render(plan, "first: model_specs/llama/nano.yaml on cluster/laptop.yaml", width=100) + "\n", "    ")


def with_first_run(readme: str) -> str:
    """The README's text with that screen."""
    before, found, rest = readme.partition(BEGIN)
    _, again, after = rest.partition(END)
    assert found, f"the README has no line {BEGIN!r}"
    assert again, f"the README has no line {END!r} after it"
    return before + first_run() + END + after


if __name__ == "__main__":
    for file in SCREENS:
        (FOLDER / file).write_text(screen(file), "utf-8")
    README.write_text(with_first_run(README.read_text("utf-8")), "utf-8")
