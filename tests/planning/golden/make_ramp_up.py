"""Writes ramp_up.json: the batch of each step as Megatron-core's own calculator gives it.

Run by hand where megatron-core is installed (0.16.1 made the committed file); the tests only read it.

    python tests/planning/golden/make_ramp_up.py
"""

from __future__ import annotations

import json
from pathlib import Path

import megatron.core
from megatron.core.num_microbatches_calculator import RampupBatchsizeNumMicroBatchesCalculator

# name: start, increment, samples, batch
CASES = {
    "BLOOM 176B (bigscience tr11)": (192, 16, 9_765_625, 2048),
    "Megatron-LM's own example (--rampup-batch-size)": (16, 8, 300_000, 1024),
    "one increment": (4, 4, 100, 8),
    "boundaries between samples": (1, 1, 10, 4),
    "boundaries inside a step": (2, 3, 7, 11),
    "shorter than its increments": (4, 4, 3, 64),
    "boundaries that divide evenly": (8, 8, 64, 40),
}


def segments(start: int, increment: int, samples: int, batch: int) -> list[list[int]]:
    """[first step, first sample, sequences] for each batch size, until the batch is full."""
    calculator = RampupBatchsizeNumMicroBatchesCalculator(batch, 1, 1, False, 1, start, increment, samples)
    found: list[list[int]] = []
    step, consumed = 1, 0
    while not found or found[-1][2] != batch:
        calculator.update(consumed, consistency_check=True)
        sequences = calculator.get_current_global_batch_size()
        if not found or found[-1][2] != sequences:
            found.append([step, consumed, sequences])
        step, consumed = step + 1, consumed + sequences
    return found


if __name__ == "__main__":
    golden = {
        "made_by": f"megatron-core {megatron.core.__version__}",
        "cases": [
            {"name": name, "start": case[0], "step": case[1], "samples": case[2], "sequences": case[3], "segments": segments(*case)}
            for name, case in CASES.items()
        ],
    }
    Path(__file__).with_name("ramp_up.json").write_text(json.dumps(golden) + "\n")
