"""What is worked out from what is said: a complete plan, before any node is taken. Pure functions, no torch.

    given       devices.py       what accelerators can do
                capabilities.py  what engines can do
                software.py      what a training stack does that costs or saves time and memory
                held.py          what a training stack holds in memory
                calibration.py   the numbers that no data sheet has
                hardware.py      a cluster page in numbers
                features.py      what a model is made of, by name
                data.py          the mixture that a page names
    said        batch.py         which samples each step takes, through ramp-ups
                schedule.py      the learning rate of each step
                layout.py        one candidate: degrees of the axes and what goes with them
                mesh.py          ranks <-> coordinates on the axes
                stages.py        blocks -> pipeline stages
    uneven.py                    how far experts are from an even load
                work.py          one optimizer step: all that estimates read
                shares.py        the parameters that a layout leaves on a rank
    estimated   flops.py         FLOPs per token, by convention
                timing/          seconds of a step, by what takes them
                memory/          bytes on one rank of every stage
                time.py          length and cost of the run
                published/       published runs: what estimates are fitted to and judged by
    chosen      rules/           what is legal, as a table
                choose.py        `auto` -> numbers
                search/          the fastest layouts that fit
                neighbours.py    the nearest legal layout to an illegal one
    a plan      plan.py          make_plan: spec and cluster -> Plan
                rank_map.py      which rank stands on which device; the plan held against real hosts
                reliability/     what failures and checkpoints make of a plan
                render/          one screen of text, one page of HTML, all numbers as JSON
"""

from orchestrator.planning.plan import Plan, make_plan

__all__ = ["Plan", "make_plan"]
