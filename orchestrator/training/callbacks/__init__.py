"""What happens around steps, one concern per file.

    metrics.py      one line per step
    ledger.py       which documents were in which sample
    guard.py        never train on over a loss that is not finite
    validation.py   loss on held-out documents, and the bigram model beside it
    checkpoints.py  save, keep, forget
    samples.py      text at the end

A callback that talks to other ranks is present on all of them, in the same order; one that only writes
is present on rank 0.
"""
