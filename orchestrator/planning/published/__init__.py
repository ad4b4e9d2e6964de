"""Published runs as work on hardware: what estimates are fitted to and judged by.

    cells.py     a CSV -> checked rows of text, or what is wrong with it, line by line
    rows.py      rows -> Run (work, hardware, what was measured)
    models.py    a row's sizes -> Architecture
    configs.py   what rows do not say of the mixtures they ran
    machines.py  a row's devices and links -> Hardware
    stacks.py    who trained it -> Software
    held.py      what the stack of a row holds in memory
    fit.py       runs of a cluster -> its constants of time
    fit_memory.py   and of memory
    held_out.py  how far constants are off on the runs they were not fitted to
    bands.py     how far estimates were off, for plans to show (errors.json, written by `make bench-planner`)
"""

from orchestrator.planning.published.rows import Run, Unusable, read_runs

__all__ = ["Run", "Unusable", "read_runs"]
