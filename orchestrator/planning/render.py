"""A plan as one screen of text."""

from __future__ import annotations

from dataclasses import asdict

from orchestrator.architecture.parts import MixtureOfExperts
from orchestrator.planning.batch import Segment
from orchestrator.planning.memory import Memory
from orchestrator.planning.plan import Plan
from orchestrator.planning.rank_map import map_lines
from orchestrator.planning.time import CONVENTION
from orchestrator.units import format_bytes, format_count, format_duration

_BAR = 40
_MOST_STAGES = 12
_LETTERS = {"weights": "W", "gradients": "G", "optimizer": "O", "activations": "A", "logits": "L", "buffers": "B", "framework": "F", "slack": "S"}


def render(plan: Plan, title: str) -> str:
    """One screen: what will run, where, how much memory and time it takes, and why this layout."""
    layout, time = plan.layout, plan.time
    tokens = plan.batch.tokens_after(plan.total_steps)
    batches = ", ".join(
        f"{segment.sequences} from step {segment.first_step}" for segment in _shortened(list(plan.batch.segments))
    )
    accelerator = f"{plan.world_size} x {plan.device_spec.name}" + (f" on {plan.nodes} nodes" if plan.nodes > 1 else "")
    cost = "" if time.cost is None else f", cost {time.cost:,.2f}"
    rows = [
        ("model", f"{plan.architecture.parameters:,} parameters, {len(plan.architecture.blocks)} layers"),
        ("layout", f"{layout.engine}, ZeRO {layout.zero}, data {layout.data}, tensor {layout.tensor}, pipeline {layout.pipeline}"),
        *_other_axes(plan),
        ("", f"micro-batch {layout.micro_batch}, offload {layout.offload}, recompute {layout.recompute}, {plan.precision}"),
        ("devices", accelerator),
        ("batch", f"{batches} sequences of {plan.sequence_length} tokens"),
        ("run", f"{plan.total_steps:,} steps, {format_count(tokens)} tokens"),
        ("memory", f"{format_bytes(plan.memory.total)} of {format_bytes(plan.device_spec.memory)} per rank (estimate)"),
        *(("", line) for line in _memory_lines(plan)),
        ("step", f"{format_duration(time.step_s)}; {format_count(time.tokens_per_s)} tokens/s, MFU {time.mfu:.0%} ({CONVENTION})"),
        ("total", f"{format_duration(time.total_s)}, {time.total_s * plan.world_size / 3600:,.1f} device-hours{cost}"),
        ("checkpoint", f"{format_bytes(plan.checkpoint_bytes)} every {plan.spec.checkpoint.every}"),
        *_map(plan),
        *(("why" if position == 0 else "", reason) for position, reason in enumerate(plan.reasons)),
    ]  # fmt: skip
    return "\n".join([title, *(f"  {name:<11}{text}" for name, text in rows)])


def _other_axes(plan: Plan) -> list[tuple[str, str]]:
    """The axes that are in use and have no place on the first line."""
    layout = plan.layout
    used = [f"{axis} {getattr(layout, axis)}" for axis in ("virtual", "context", "expert") if getattr(layout, axis) > 1]
    experts = any(isinstance(block.feed_forward, MixtureOfExperts) for block in plan.architecture.blocks)
    used += [f"expert_tensor {layout.expert_tensor}"] if experts and max(layout.expert_tensor, layout.tensor) > 1 else []
    used += ["sequence parallel"] if layout.sequence_parallel else []
    return [("", ", ".join(used))] if used else []


def _memory_lines(plan: Plan) -> list[str]:
    """One bar, or one per pipeline stage, the legend being that of the stage that needs most."""
    if plan.pipeline == 1:
        return [f"{_bar(plan.memory, plan.device_spec.memory)} {_legend(plan.memory)}"]
    worst = plan.stage_memory.index(plan.memory)
    rows = [
        f"{_bar(memory, plan.device_spec.memory)} {format_bytes(memory.total)} stage {stage}{'  <- most' if stage == worst else ''}"
        for stage, memory in enumerate(plan.stage_memory)
    ]
    half = (_MOST_STAGES - 1) // 2
    if len(rows) > _MOST_STAGES:
        rows = [*rows[:half], f"... {len(rows) - 2 * half} stages more", *rows[-half:]]
    return [f"{_legend(plan.memory)} on stage {worst}", *rows]


def _bar(memory: Memory, of: int) -> str:
    bar = "".join(_LETTERS[name] * round(_BAR * value / of) for name, value in _parts(memory).items())
    return f"[{bar[:_BAR].ljust(_BAR, '.')}]"


def _legend(memory: Memory) -> str:
    return " ".join(f"{_LETTERS[name]}={format_bytes(value).replace(' ', '')}" for name, value in _parts(memory).items())


def _parts(memory: Memory) -> dict[str, int]:
    return {name: value for name, value in asdict(memory).items() if name != "host" and value}


def _map(plan: Plan) -> list[tuple[str, str]]:
    """Where ranks stand, and which layers; nothing where every rank holds the whole model."""
    layout = plan.layout
    if layout.tensor * layout.pipeline * layout.context * layout.expert == 1:
        return []
    return [("map" if position == 0 else "", line) for position, line in enumerate(map_lines(plan))]


def _shortened(segments: list[Segment]) -> list[Segment]:
    return segments if len(segments) <= 4 else [segments[0], segments[1], segments[-1]]
