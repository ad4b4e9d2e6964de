"""Published runs as work on hardware: what estimates are fitted to and judged by.

    rows.py      a CSV of published runs -> Run (work, hardware, what was measured)
    models.py    a row's sizes -> Architecture
    machines.py  a row's devices and links -> Hardware
    stacks.py    who trained it -> Software
"""

from orchestrator.planning.published.rows import Run, Unusable, read_runs

__all__ = ["Run", "Unusable", "read_runs"]
