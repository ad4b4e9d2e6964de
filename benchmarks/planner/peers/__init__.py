"""Other planners, each asked in an interpreter of its own, so that none of their dependencies becomes this project's.

llm-analysis (https://github.com/cli99/llm-analysis, Apache-2.0): PyPI's 0.2.2, `--install-peers VENV`. Run with the
efficiencies of its README's examples, FLOPs 0.5 and memory 0.9, and its own numbers of a device where it has them.
calculon (https://github.com/calculon-ai/calculon, Apache-2.0; PyPI's `calculon` is something else): a checkout,
`git clone https://github.com/calculon-ai/calculon`, given by `--calculon`. Run with the systems that it ships, whose
efficiencies its authors chose to match Korthikanti's Table 5: on that set it meets the rows it was fitted to.

A planner answers a row or says why it cannot; what it cannot express does not count against it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.planner.estimates import Estimate
from orchestrator.architecture.parts import GatedFeedForward, MixtureOfExperts
from orchestrator.errors import CommandError
from orchestrator.planning.published import Run

HERE = Path(__file__).parent
PINNED = ("fire==0.7.1", "pandas==3.1.1", "psutil==7.2.2")
"""What llm-analysis and calculon import. llm-analysis itself comes without its dependencies: of transformers 4, which
it asks for, it needs nothing to judge a row, and says so when it starts."""


def prepare(place: Path) -> None:
    """A virtual environment with the peer that PyPI has and what both import."""
    venv.create(place, with_pip=True)
    for packages in (PINNED, ("--no-deps", "llm-analysis==0.2.2")):
        subprocess.run([place / "bin/python", "-m", "pip", "install", "--quiet", *packages], check=True)


def peers_of(runs: Sequence[Run], *, python: Path | None, calculon: Path | None) -> dict[str, tuple[Estimate, ...]]:
    """Estimates of the peers that are at hand, by name. `python`: a virtual environment; `calculon`: a checkout."""
    found: dict[str, tuple[Estimate, ...]] = {}
    questions = [question(run) for run in runs]
    interpreter = python / "bin/python" if python else Path(sys.executable)
    if python:
        found["llm-analysis"] = _ask(interpreter, "ask_llm_analysis.py", questions)
    if calculon:
        found["calculon"] = _ask(interpreter, "ask_calculon.py", questions, str(calculon))
    return found


def question(run: Run) -> dict[str, Any]:
    """A row in plain words, and its device's data sheet; sizes are those of the last block, `alike` says if the first is equal."""
    work, layout = run.work, run.work.layout
    block = work.architecture.blocks[-1]
    part, attention = block.feed_forward, block.attention
    mixture = isinstance(part, MixtureOfExperts)
    size = part.expert.size if isinstance(part, MixtureOfExperts) else part.size
    return {
        "device": run.hardware.device.name, "memory": run.hardware.device.memory, "peak": run.hardware.device.peak_at("bf16"),
        "stream": run.hardware.device.memory_bandwidth, "link": run.hardware.link_bandwidth, "per_node": run.hardware.per_node, "domain": run.hardware.domain,
        "network": run.hardware.network_bandwidth, "devices": layout.world_size, "layers": len(work.architecture.blocks),
        "hidden": work.architecture.hidden, "heads": attention.heads, "kv_heads": attention.kv_heads,
        "head_dim": attention.head_dim, "ffn": size, "gated": mixture or isinstance(part, GatedFeedForward),
        "experts": part.router.experts if isinstance(part, MixtureOfExperts) else 1,
        "per_token": part.router.per_token if isinstance(part, MixtureOfExperts) else 1,
        "vocab": work.architecture.head.vocab, "length": work.sequence_length, "sequences": work.sequences,
        "micro_batch": layout.micro_batch, "data": layout.data, "tensor": layout.tensor, "pipeline": layout.pipeline,
        "virtual": layout.virtual, "context": layout.context, "expert": layout.expert, "zero": layout.zero,
        "recompute": layout.recompute, "sequence_parallel": layout.sequence_parallel, "precision": work.precision,
        "fused": work.software.attention == "fused",
        "alike": work.architecture.blocks[0] == block,
    }  # fmt: skip


def _ask(interpreter: Path, script: str, questions: list[dict[str, Any]], *arguments: str) -> tuple[Estimate, ...]:
    done = subprocess.run(
        [interpreter, HERE / script, *arguments], input=json.dumps(questions), capture_output=True, text=True, check=False
    )  # fmt: skip
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise CommandError(f"{script} failed under {interpreter}: {last[0]}; see --help for how to install the peers")
    return tuple(Estimate(step_s=answer.get("step_s"), peak_bytes=answer.get("peak_bytes")) for answer in json.loads(done.stdout))
