"""What is worked out from what is said: a complete plan, before any node is taken. Pure functions, no torch.

    devices.py       what accelerators can do
    capabilities.py  what engines can do
    features.py      what a model is made of, by name
    batch.py         which samples each step takes, through ramp-ups
    schedule.py      the learning rate of each step
    layout.py        one candidate: degrees of the axes and what goes with them
    mesh.py          ranks <-> coordinates on the axes
    stages.py        blocks -> pipeline stages
    activations.py   what a block keeps for its backward pass
    memory.py        bytes per rank, the model whole on each
    stage_memory.py  bytes per rank and stage, the model split
    time.py          seconds per step, cost
    rules/           what is legal, as a table
    choose.py        `auto` -> numbers
    neighbours.py    the nearest legal layout to an illegal one
    rank_map.py      which rank stands on which device; the plan held against real hosts
    data.py          the mixture that a page names
    plan.py          make_plan: spec and cluster -> Plan
    reliability/     what failures and checkpoints make of a plan
    render/          one screen of text, one page of HTML, all numbers as JSON
"""

from orchestrator.planning.plan import Plan, make_plan

__all__ = ["Plan", "make_plan"]
