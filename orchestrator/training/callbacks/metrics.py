"""metrics.jsonl: one line per optimizer step, never torn, never rewound, never twice.

`tflops_per_device` and `mfu` count FLOPs as the plan does, by planning.time.CONVENTION, which plan.json names.
Every view (terminal, W&B, Prometheus) follows this file; the loop itself waits for none of them.
"""

from __future__ import annotations

import resource
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from orchestrator.training.run import Callback, Run, Step
from orchestrator.training.rundir import append_line, cut_torn_tail, last_line


class Metrics(Callback):
    """On rank 0. Steps that are taken again after a restore are already on record."""

    def on_start(self, run: Run) -> None:
        cut_torn_tail(run.dir.metrics)
        last = last_line(run.dir.metrics)
        self._logged = last["step"] if last else 0

    def on_step(self, run: Run, step: Step) -> None:
        if step.number <= self._logged:
            return
        self._logged = step.number
        plan = run.plan
        tokens = step.batch.sequences * plan.batch.length_of(step.batch.first_sample)
        flops = plan.flops_per_token * tokens / (step.seconds * plan.world_size)
        record: dict[str, Any] = {
            "step": step.number,
            "tokens": plan.batch.tokens_after(step.number),
            "loss": step.report.loss,
            "grad_norm": step.report.grad_norm,
            "lr": step.lr,
            "step_time_s": round(step.seconds, 6),
            "tokens_per_s": round(tokens / step.seconds, 1),
            "tflops_per_device": round(flops / 1e12, 6),
            "mfu": round(flops / plan.peak_flops, 6),
            "memory_gb": round(peak_memory(plan.device) / 1e9, 3),
            "data_wait_s": round(step.data_wait_s, 6),
            "attempt": run.attempt,
        }
        if len(step.report.terms) > 1:
            record["terms"] = step.report.terms
        if step.report.routing is not None:
            record["moe"] = {name: _rounded(value) for name, value in asdict(step.report.routing).items()}
        append_line(run.dir.metrics, record)


def _rounded(value: Any) -> Any:
    """Six significant digits in every number of nested tuples: a line is written each step and read by people."""
    return [_rounded(each) for each in value] if isinstance(value, tuple) else float(f"{value:.6g}")


def peak_memory(device: str) -> int:
    """Bytes this rank has held at most: what it took of the device on CUDA, resident memory on the CPU.

    On CUDA that is what torch reserved and what is not torch's (context, kernels, communication buffers), if no one else
    uses the device. On Linux the kernel's high-water mark is read: getrusage's also remembers the process that started this one.
    """
    if device == "cuda":
        free, total = torch.cuda.mem_get_info()
        return torch.cuda.max_memory_reserved() + total - free - torch.cuda.memory_reserved()
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text("ascii").split("VmHWM:")[1].split()[0]) * 1024
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
