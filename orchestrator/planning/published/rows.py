"""A CSV of published runs -> Run: work, hardware, and what was measured.

A row that cannot be used is kept with the reason: what is left out of a score is part of the score.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.planning.flops import flops_per_token
from orchestrator.planning.hardware import Hardware
from orchestrator.planning.layout import Layout
from orchestrator.planning.published.cells import read_cells
from orchestrator.planning.published.machines import hardware_of_row
from orchestrator.planning.published.models import architecture_of
from orchestrator.planning.published.stacks import software_of
from orchestrator.planning.stages import Chunk, Stages
from orchestrator.planning.work import Work

_CONVENTIONS = (
    ("HFU 96Bslh2", "SC21"), ("HFU ~8*N", "8N"), ("HFU 8", "8N"), ("model FLOPs: 6*(N", "Bridge"), ("model FLOPs as Bridge", "Bridge"),
    ("model FLOPs 6N+12", "PaLM"), ("6P+12LDS", "PaLM"), ("model FLOPs (no recompute)", "torchtitan"),
    ("MFU 6N+12", "PaLM"), ("MFU (PaLM", "PaLM"), ("MFU 6N", "6N"),
)  # fmt: skip

GIB = 2.0**30
"""Bytes of a row's GB: nvidia-smi's and torch's are GiB."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One published run. `step_s` in seconds and `peak_bytes` per device, None where not published.

    cluster: whose constants it shares: one source's runs on one kind of device.
    out_of_memory: the run was tried and did not fit.
    """

    id: str
    source: str
    cluster: str
    work: Work
    hardware: Hardware
    step_s: float | None
    peak_bytes: float | None
    out_of_memory: bool
    row: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Unusable:
    """A row that is left out, and why."""

    id: str
    source: str
    reason: str


def read_runs(path: Path) -> tuple[list[Run], list[Unusable]]:
    """The runs of a CSV, and the rows that cannot be used. Raises PageError as `read_cells` does."""
    runs: list[Run] = []
    unusable: list[Unusable] = []
    for row in read_cells(path):
        try:
            runs.append(_run(row))
        except ValueError as error:
            unusable.append(Unusable(id=row["id"], source=row["paper"], reason=str(error)))
    return runs, unusable


def _run(row: Mapping[str, str]) -> Run:
    notes = row["notes"]
    if row["gpu_type"].startswith(("TPU", "MI250")):
        raise ValueError("a device that is not planned for")
    for word in ("inconsistent", "does not always equal", "GPU-hours", "LoRA", "out of planner scope", "layout per point not published"):
        if word in notes:
            raise ValueError(f"the row's notes say: {notes}")
    if "(36108)" in notes or ("alt quantisation" in notes and "layout cells" in notes):
        raise ValueError("two runs in one row")
    architecture = architecture_of(row)
    devices, layout = _whole(row, "n_gpus"), _layout(row)
    if layout.world_size != devices:
        raise ValueError(f"{layout.product} ranks on {devices} devices")
    sequences, length = _whole(row, "global_batch_seqs"), _whole(row, "seq")
    if not sequences:
        raise ValueError("no global batch")
    dealt = _evenly(len(architecture.blocks), layout) if layout.pipeline > 1 else None
    work = Work(
        architecture=architecture, layout=layout, sequence_length=length, sequences=sequences,
        precision=_precision(row["precision"]), optimizer="adamw_8bit" if "BNB" in notes else "adamw", software=software_of(row), dealt=dealt,
    )  # fmt: skip
    hardware = hardware_of_row(row["gpu_type"], row["interconnect"], devices)
    if work.precision == "fp4" and "fp4" not in hardware.device.peak:
        raise ValueError("a precision of four bits, whose peak no data sheet here has")
    return Run(
        id=row["id"], source=row["paper"], cluster=_cluster(row), work=work,
        hardware=hardware, step_s=_step(row, work, hardware),
        peak_bytes=float(row["peak_mem_GB"]) * GIB if row["peak_mem_GB"] else None, out_of_memory=_failed(row), row=row,
    )  # fmt: skip


def _whole(row: Mapping[str, str], name: str) -> int:
    return int(float(row[name] or 0))


def _failed(row: Mapping[str, str]) -> bool:
    """Whether a run was tried and did not fit; a note may speak of one that came close, and then something was measured."""
    measured = any(row[name] for name in ("step_time_s", "tokens_per_s_per_gpu", "achieved_tflops_per_gpu", "peak_mem_GB"))
    return "OOM" in row["notes"] and not measured


def _cluster(row: Mapping[str, str]) -> str:
    """A source and a kind of device. Releases of one recipe ran on the same machines, so they share their constants."""
    source = re.sub(r" \d\d\.\d\d(\.\d+)?$", "", row["paper"])
    return f"{source} | {row['gpu_type']}"


def _layout(row: Mapping[str, str]) -> Layout:
    degree = {name: _whole(row, name) or 1 for name in ("tp", "pp", "ep", "cp")}
    devices = _whole(row, "n_gpus")
    model = degree["tp"] * degree["pp"] * degree["cp"]
    if not devices or devices % model:
        raise ValueError(f"tp x pp x cp = {model} does not divide {devices} devices")
    stage = re.match(r"[0-3]", row["zero_stage"] or "1")
    if stage is None:
        raise ValueError(f"zero_stage {row['zero_stage']!r} starts with none of 0, 1, 2 and 3")
    zero = int(stage[0])
    if "offload" in row["zero_stage"]:
        raise ValueError("offload to host memory")
    recompute = row["recompute"]
    before_it = re.search(r"SC21|README|BLOOM|bigscience|vTrain|NeoX|Korthikanti|OPT|MT-NLG", row["paper"])
    sequence_parallel = degree["tp"] > 1 and ("sequence_parallel" in recompute or not before_it)
    return Layout(
        engine="megatron" if zero < 3 else "deepspeed", data=devices // model, tensor=degree["tp"], pipeline=degree["pp"],
        micro_batch=_micro_batch(row, devices // model, degree["pp"]), zero=zero, offload="none",
        recompute="full" if recompute == "full" else "selective" if re.search("(?i)selective(?!/none)|norm|act", recompute) else "none",
        context=degree["cp"], virtual=_virtual(row), expert=degree["ep"], expert_tensor=1 if degree["ep"] > 1 else degree["tp"],
        sequence_parallel=sequence_parallel,
    )  # fmt: skip


def _micro_batch(row: Mapping[str, str], data: int, pipeline: int) -> int:
    """Said, or what is left of a replica's batch that is split into as many as there are stages; else the least."""
    if not row["micro_batch"] and "split into pp microbatches" in row["notes"]:
        return max(1, _whole(row, "global_batch_seqs") // (data * pipeline))
    return _whole(row, "micro_batch") or 1


def _virtual(row: Mapping[str, str]) -> int:
    """Said; two where a row says that stages are interleaved and not how often: torchtitan's default under a schedule of
    several stages per rank (its pipeline parallelism, `stages_per_rank`)."""
    unsaid = 2 if "interleaved" in (row["id"] + row["notes"]).lower() and _whole(row, "pp") > 1 else 1
    return _whole(row, "vpp") or unsaid


def _evenly(layers: int, layout: Layout) -> Stages:
    """As Megatron-LM deals them: the same number to every chunk, the first ones taking what is over.

    Where only embedding and head counted as a layer each make it come out even, they do (BLOOM: 70 layers on 12 stages).
    """
    pieces = layout.pipeline * layout.virtual
    sizes = [layers // pieces + (index < layers % pieces) for index in range(pieces)]
    if layers % pieces and (layers + 2) % pieces == 0:
        sizes = [(layers + 2) // pieces - (index in (0, pieces - 1)) for index in range(pieces)]
    edges = [sum(sizes[:index]) for index in range(pieces + 1)]
    chunks = [Chunk(first=edges[i], last=edges[i + 1], embedding=i == 0, head=i == pieces - 1) for i in range(pieces)]
    return tuple(tuple(chunks[stage :: layout.pipeline]) for stage in range(layout.pipeline))


def _precision(said: str) -> str:
    lowered = said.lower()
    if "fp4" in lowered:
        return "fp4"
    return "fp8" if re.search(r"fp8|float8", lowered) else "fp16" if "fp16" in lowered else "bf16"


def _step(row: Mapping[str, str], work: Work, hardware: Hardware) -> float | None:
    """Seconds per step: said, or from tokens per second, or from FLOP/s by the row's convention."""
    if row["step_time_s"]:
        return float(row["step_time_s"])
    if row["tokens_per_s_per_gpu"]:
        return work.tokens / (float(row["tokens_per_s_per_gpu"]) * work.layout.world_size)
    convention = next((ours for prefix, ours in _CONVENTIONS if row["flops_convention"].startswith(prefix)), None)
    reached = _reached(row, work, hardware)
    if convention is None or reached is None:
        return None
    if convention == "8N" and row["params_B"]:
        per_token = 8e9 * float(row["params_B"])
    else:
        per_token = flops_per_token(work.architecture, work.sequence_length, convention)
    return per_token * work.tokens / (reached * work.layout.world_size)


def _reached(row: Mapping[str, str], work: Work, hardware: Hardware) -> float | None:
    """FLOP/s per device: said, or a share of the peak. Of which peak a share in eight bits is, authors do not agree."""
    if row["achieved_tflops_per_gpu"]:
        return float(row["achieved_tflops_per_gpu"]) * 1e12
    if not row["mfu_pct"] or work.precision in ("fp8", "fp4"):
        return None
    return float(row["mfu_pct"]) / 100 * hardware.device.peak_at(work.precision)


def groups(runs: Sequence[Run]) -> dict[tuple[str, int], list[Run]]:
    """Runs of one source, kind of device, model, precision and device count: those among which a planner would have chosen."""
    found: dict[tuple[str, int], list[Run]] = {}
    for run in runs:
        row = run.row
        sizes = "x".join(row[name] for name in ("layers", "hidden", "heads", "seq"))
        key = (f"{run.source} {row['gpu_type']} {row['model']} {sizes} {row['precision']}", run.work.layout.world_size)
        found.setdefault(key, []).append(run)
    return found
