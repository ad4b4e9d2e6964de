"""A plan as one screen of text."""

from __future__ import annotations

from dataclasses import asdict

from orchestrator.planning.batch import Segment
from orchestrator.planning.plan import Plan
from orchestrator.planning.time import ASSUMED_EFFICIENCY
from orchestrator.units import format_bytes, format_count, format_duration

_BAR = 40


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
        ("", f"micro-batch {layout.micro_batch}, offload {layout.offload}, recompute {layout.recompute}, {plan.precision}"),
        ("devices", accelerator),
        ("batch", f"{batches} sequences of {plan.sequence_length} tokens"),
        ("run", f"{plan.total_steps:,} steps, {format_count(tokens)} tokens"),
        ("memory", f"{format_bytes(plan.memory.total)} of {format_bytes(plan.device_spec.memory)} per rank (estimate)"),
        ("", _memory_bar(plan)),
        ("step", f"{format_duration(time.step_s)} = compute {format_duration(time.compute_s)} + communication"
                 f" {format_duration(time.communication_s)}; {format_count(time.tokens_per_s)} tokens/s, MFU {time.mfu:.0%} (PaLM)"),
        ("total", f"{format_duration(time.total_s)}, {time.total_s * plan.world_size / 3600:,.1f} device-hours{cost}"),
        ("", f"times assume {ASSUMED_EFFICIENCY:.0%} of peak and no overlap; not calibrated on this cluster"),
        ("checkpoint", f"{format_bytes(plan.checkpoint_bytes)} every {plan.spec.checkpoint.every}"),
        *(("why" if position == 0 else "", reason) for position, reason in enumerate(plan.reasons)),
    ]  # fmt: skip
    return "\n".join([title, *(f"  {name:<11}{text}" for name, text in rows)])


def _memory_bar(plan: Plan) -> str:
    parts = {name: value for name, value in asdict(plan.memory).items() if name != "host" and value}
    letters = {"weights": "W", "gradients": "G", "optimizer": "O", "activations": "A", "logits": "L", "buffers": "B", "framework": "F"}
    bar = "".join(letters[name] * round(_BAR * value / plan.device_spec.memory) for name, value in parts.items())
    legend = " ".join(f"{letters[name]}={format_bytes(value).replace(' ', '')}" for name, value in parts.items())
    return f"[{bar[:_BAR].ljust(_BAR, '.')}] {legend}"


def _shortened(segments: list[Segment]) -> list[Segment]:
    return segments if len(segments) <= 4 else [segments[0], segments[1], segments[-1]]
