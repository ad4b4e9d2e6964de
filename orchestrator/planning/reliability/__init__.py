"""What a run loses to failures, and how often it should save: from published rates to days. Pure functions, no torch.

    rates.py        how often what fails: published causes and counts
    intervals.py    mean time between failures, best checkpoint interval, share of useful time: closed forms
    checkpoints.py  bytes of a checkpoint, seconds to write and to read it
    conditions.py   everything that a simulated run meets
    simulate.py     a whole run in virtual time, event by event
    crew.py         nodes in use, spare and in repair
    progress.py     work done, saved and lost between two events
    outcome.py      what a simulated run says: days, share of useful time, losses by cause
    defaults.py     what a cluster page that says nothing is taken to mean, with sources
    spares.py       how many spare nodes suffice
    sizes.py        on how many nodes a run can go on
    estimate.py     reliability_of and conditions_of: a plan -> numbers
    scaling.py      the same job on 8 ... 100,000 devices
    screen.py       one screen of text
"""

from orchestrator.planning.reliability.estimate import Reliability, conditions_of, reliability_of
from orchestrator.planning.reliability.simulate import simulate

__all__ = ["Reliability", "conditions_of", "reliability_of", "simulate"]
