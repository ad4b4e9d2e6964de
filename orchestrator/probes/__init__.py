"""What this hardware does, measured in a few minutes: the numbers that no data sheet has.

A planner that takes efficiencies from a paper plans for the paper's machine. These probes run on the workers of a gang,
alone or under torchrun, and each measures one thing that the estimates read:

    clock.py         seconds of repeated work, the device waited for
    ranks.py         this process among the workers, and groups of them
    products.py      matrix products over sizes
    attention.py     fused attention, forward and backward
    streams.py       memory-bound operations, and copies
    launches.py      starting an operation
    exchanges.py     collectives inside a node and between nodes
    arrivals.py      what ranks wait for one another between pieces of computing
    footprint.py     memory of a worker before a model; what the allocator holds beyond
    measure.py       all of them, in order, collectively
    findings.py      what was found, as data
    constants.py     findings -> the constants of planning/calibration.py
    page.py          the `calibration` section of a cluster page, its other text untouched
"""
