"""Preparation under faults: what comes out is what an undisturbed one gives, or a reason that can be read.

    python -m benchmarks.data_faults [--corpus FILES] [--kills 20] [--workers 2] [--seed 0]   kill -9 at random moments
    python -m benchmarks.data_faults --bad-files                                              damaged files, and a full disk
    python -m benchmarks.data_faults --cluster                                                a node of a cluster is lost

Without a corpus the texts are the sources of Python's standard library.

    trials.py      one preparation in a process of its own, and what it left
    kills.py       the process or one of its workers is killed, and it is started again
    bad_files.py   files that are broken in every way, one preparation each
    full_disk.py   a file system without room, which is then given some
    lost_node.py   three raylets, one of which is killed
"""
