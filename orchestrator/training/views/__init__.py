"""What shows a run: followers of metrics.jsonl and events.jsonl, outside the loop.

A view has `poll()`, called a few times a second from a thread of the process that launched the run, and
`close()`, called once after the run has ended. The loop waits for none of them and survives all of them.

    follow.py    new complete lines of a growing file
    progress.py  the terminal
    wandb.py     Weights & Biases, in a process of its own
"""
