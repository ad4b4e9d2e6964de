"""The training loop and what surrounds it: checkpoints, callbacks, views, export.

    rundir.py     what a run leaves on disk, and how it is appended to
    writer.py     one process at a time trains a run
    gang.py       what the ranks must agree on, apart from gradients
    run.py        a run in progress, as the loop and its callbacks see it
    loop.py       the loop: data, step, callbacks, agreement
    worker.py     the idempotent function that every worker runs
    resume.py     may this page continue that run?
    checkpoint/   sharded, atomic, verified, layout-free
    callbacks/    one concern per file, inside the loop
    views/        followers of metrics.jsonl and events.jsonl, outside the loop
    export.py     a run -> a Hugging Face folder
    generate.py   text from either
"""
