"""What is worked out from what is said: a complete plan, before any node is taken. Pure functions, no torch.

    devices.py       what accelerators can do
    capabilities.py  what engines can do
    batch.py         which samples each step takes, through ramp-ups
    schedule.py      the learning rate of each step
    memory.py        bytes per rank
    time.py          seconds per step, cost
    rules.py         what is legal, as a table
    choose.py        `auto` -> numbers
    data.py          the mixture that a page names
    plan.py          make_plan: spec and cluster -> Plan
    render.py        one screen of text
"""

from orchestrator.planning.plan import Plan, make_plan

__all__ = ["Plan", "make_plan"]
