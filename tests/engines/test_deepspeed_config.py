"""`ds_config` against committed JSON: what DeepSpeed is asked to do changes only on purpose.

To accept a change, delete the file named by the failure and run the test again: it writes it anew (and
fails once more, so that it cannot be forgotten in review).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engines.deepspeed.config import ds_config
from tests.plans import tiny_plan

GOLDEN = Path(__file__).parent / "golden"

CASES: dict[str, tuple[int, dict[str, Any], dict[str, Any]]] = {
    "zero0-fp32": (2, {"zero": 0}, {}),
    "zero0-bf16": (2, {"zero": 0}, {"precision": "bf16"}),
    "zero1-bf16": (4, {"zero": 1, "micro_batch": 1}, {"precision": "bf16"}),
    "zero2-fp32-ramp-up": (
        2,
        {"zero": 2, "micro_batch": 1},
        {"batch": {"sequences": 8, "ramp_up": {"start": 2, "step": 2, "samples": 24}}},
    ),
    "zero2-offload-optimizer": (2, {"zero": 2, "offload": "optimizer"}, {}),
    "zero3-bf16": (2, {"zero": 3}, {"precision": "bf16"}),
    "zero3-offload-parameters": (2, {"zero": 3, "offload": "parameters"}, {}),
    "zero3-no-clipping": (1, {"zero": 3}, {"optimizer": {"name": "adamw", "lr": 1e-3, "clip_norm": None}}),
}


@pytest.mark.parametrize("name", CASES)
def test_config_is_the_committed_one(name: str) -> None:
    world_size, layout, training = CASES[name]
    plan = tiny_plan(
        world_size=world_size, parallelism={"engine": "deepspeed", "micro_batch": 2, **layout}, training=training
    )
    path = GOLDEN / f"ds_config-{name}.json"
    written = json.dumps(ds_config(plan), indent=2) + "\n"
    if not path.exists():
        path.write_text(written)
        pytest.fail(f"{path.name} was missing and has been written: read it, and commit it if it is right")
    assert written == path.read_text()


def test_batch_identity_holds_for_the_largest_batch_of_a_ramp_up() -> None:
    plan = tiny_plan(
        world_size=2,
        parallelism={"engine": "deepspeed", "zero": 2, "micro_batch": 1},
        training={"batch": {"sequences": 8, "ramp_up": {"start": 2, "step": 2, "samples": 24}}},
    )
    config = ds_config(plan)
    assert config["train_batch_size"] == 8
    assert config["gradient_accumulation_steps"] == 8 // 2


def test_the_config_needs_neither_torch_nor_deepspeed() -> None:
    code = (
        "import sys; import orchestrator.engines.deepspeed.config;"
        "print(sorted({'torch', 'deepspeed', 'transformers'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
