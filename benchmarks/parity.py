"""Does every layout train the same model? `make parity` prints the answer as a table.

A lost micro-batch, a norm counted twice or a mis-scaled gradient does not crash; it trains something
slightly else, and nobody notices for weeks. So: 20 steps in fp32 of a small Llama on real text, by
DeepSpeed at every ZeRO stage, with and without offload, on 1, 2 and 4 workers, against the reference
engine. Each must stay within two limits over all steps; exit code 1 if one does not:

    loss            1e-5, absolute: the promise
    gradient norm   1e-3, relative: Adam and clipping forgive a gradient of the wrong scale, and the loss
                    then shows nothing; rounding was measured at up to 1e-4
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orchestrator.planning import Plan
from tests.distributed import run_distributed
from tests.plans import tiny_plan

LOSS_LIMIT = 1e-5
GRAD_NORM_LIMIT = 1e-3
STEPS = 20
SIZES = {"layers": 4, "hidden_size": 96, "heads": 6, "kv_heads": 6, "ffn_size": 256, "max_positions": 64}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One layout."""

    engine: str = "deepspeed"
    workers: int = 1
    zero: int = 0
    offload: str = "none"
    recompute: str = "none"
    micro_batch: int = 1

    def __str__(self) -> str:
        offload = "" if self.offload == "none" else f" + offload of {self.offload}"
        return f"{self.engine} ZeRO {self.zero}{offload}" if self.engine == "deepspeed" else self.engine

    def plan(self, steps: int, sections: dict[str, Any]) -> Plan:
        layout: dict[str, Any] = {
            "engine": self.engine,
            "micro_batch": self.micro_batch,
            "offload": self.offload,
            "recompute": self.recompute,
        }
        if self.engine == "deepspeed":
            layout["zero"] = self.zero
        training = {"steps": steps, **sections.get("training", {})}
        return tiny_plan(
            world_size=self.workers, parallelism=layout, training=training, model=sections.get("model", {})
        )


STAGES = ((0, "none"), (1, "none"), (2, "none"), (3, "none"), (3, "parameters"))
REFERENCE = Case(engine="reference", micro_batch=4)
CASES = tuple(
    Case(workers=workers, zero=zero, offload=offload, micro_batch=2 if workers < 4 else 1)
    for workers in (1, 2, 4)
    for zero, offload in STAGES
)


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What one layout reported, step by step."""

    losses: tuple[float, ...]
    grad_norms: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The largest differences over all steps."""

    loss: float
    grad_norm: float

    @property
    def passes(self) -> bool:
        return self.loss <= LOSS_LIMIT and self.grad_norm <= GRAD_NORM_LIMIT


def token_rows(first: int, count: int, length: int) -> Any:
    """Samples [first, first + count) of a byte-level text that every Python has: [count, length + 1]."""
    import torch

    text = torch.frombuffer(bytearray(inspect.getsource(argparse).encode()), dtype=torch.uint8).long()
    starts = (torch.arange(first, first + count) * length) % (len(text) - length - 1)
    return text[starts[:, None] + torch.arange(length + 1)]


def micro_batches(plan: Plan, objective: Any, step: int, rank: int) -> list[Any]:
    """This rank's contiguous part of the step's samples, cut into micro-batches."""
    batch = plan.batch.at(step)
    share = batch.sequences // plan.data
    rows = token_rows(batch.first_sample + rank * share, share, plan.sequence_length)
    return [objective.collate(part) for part in rows.split(plan.micro_batch)]


Sabotage = Callable[[Any, list[Any]], list[Any]]
"""(engine, micro-batches) -> micro-batches, called before each step: breaks it on purpose, to test the test."""


def train(case: Case, steps: int, sections: dict[str, Any], sabotage: Sabotage | None = None) -> Curve:
    """Trains on this rank of a gang."""
    from torch import distributed

    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device

    plan = case.plan(steps, sections)
    engine = make_engine(plan.engine)
    engine.build(plan, Device(kind="cpu"))
    reports = []
    for step in range(1, steps + 1):
        batches = micro_batches(plan, engine.objective, step, distributed.get_rank())
        if sabotage:
            batches = sabotage(engine, batches)
        reports.append(engine.train_step(batches, lr=plan.schedule.lr(step)))
    engine.close()
    return Curve(
        losses=tuple(report.loss for report in reports),
        grad_norms=tuple(report.grad_norm for report in reports),
    )


def curve_of(
    case: Case, *, steps: int = STEPS, sabotage: Sabotage | None = None, **sections: dict[str, Any]
) -> Curve:
    """Runs a case on its own gang of processes."""
    return run_distributed(train, case.workers, case, steps, sections, sabotage)[0]


def compare(left: Curve, right: Curve) -> Difference:
    losses = zip(left.losses, right.losses, strict=True)
    norms = zip(left.grad_norms, right.grad_norms, strict=True)
    return Difference(
        loss=max(abs(one - other) for one, other in losses),
        grad_norm=max(abs(one / other - 1) for one, other in norms),
    )


def main() -> int:
    expected = curve_of(REFERENCE, model=SIZES)
    print(f"{STEPS} steps, fp32, batch of 8 sequences of 32 bytes. The reference engine's loss goes from")
    print(f"{expected.losses[0]:.6f} to {expected.losses[-1]:.6f}; differences of up to {LOSS_LIMIT:g} pass.\n")
    print(f"{'layout':<40} {'workers':>7} {'max |loss diff|':>16} {'max grad norm diff':>19}")
    failed = 0
    for case in CASES:
        difference = compare(curve_of(case, model=SIZES), expected)
        verdict = "" if difference.passes else "  FAILED"
        failed += not difference.passes
        print(
            f"{case!s:<40} {case.workers:>7} {difference.loss:>16.1e} {difference.grad_norm:>19.1e}{verdict}",
            flush=True,
        )
    print(f"\n{len(CASES) - failed} of {len(CASES)} layouts equal the reference")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
