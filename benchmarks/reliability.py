"""Two published runs, simulated from their published inputs, beside what was published: `make bench-reliability`.

BLOOM 176B and the 54 days of Llama 3 405B. Every input is printed as published, computed or assumed, and the result
again with each assumed input changed, so that it can be seen how much of the agreement hangs on it.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass

from orchestrator.planning.reliability import intervals
from orchestrator.planning.reliability.checkpoints import MEGATRON_DEEPSPEED, Save, checkpoint_bytes
from orchestrator.planning.reliability.conditions import (
    DAY,
    Conditions,
    Hazard,
    Pause,
    Planned,
    Recovery,
    Stragglers,
)
from orchestrator.planning.reliability.defaults import DETECT_S, REPAIR_S, RESTART_S, TAKES
from orchestrator.planning.reliability.outcome import Outcomes
from orchestrator.planning.reliability.rates import BLOOM, LLAMA_3
from orchestrator.planning.reliability.simulate import simulate

HOUR, MINUTE = 3600.0, 60.0
SEEDS = 30
WITHIN = 0.03
"""How far a simulated share of useful time may lie from the published one."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A published run. `inputs` are (what, value, where from); `changes` the conditions with one assumption changed."""

    name: str
    conditions: Conditions
    published: float
    published_words: str
    interruptions: float
    inputs: tuple[tuple[str, str, str], ...]
    changes: tuple[tuple[str, Conditions], ...]


BLOOM_STEP_S = 105.22
"""Iteration 12695, the first at full batch: 19.463 samples of 2048 tokens per second (chronicles, 2022-03-18)."""
BLOOM_TOKENS_PER_S = 19.463 * 2048
BLOOM_TOKENS = 366e9


def bloom_ramp_up_s() -> float:
    """Seconds beyond steady speed that the batch's ramp-up costs: the pipeline's bubble at each size, from the published layout.

    192 to 2048 sequences by 16 over 9,765,625 samples on 8 replicas of 12 stages; micro-batches of 1 below 784, of 2 from there.
    """

    def efficiency(sequences: int) -> float:
        micro_batches = sequences / (8 * (1 if sequences < 784 else 2))
        return micro_batches / (micro_batches + 11)

    sizes = range(192, 2048, 16)
    tokens = 9_765_625 / len(sizes) * 2048
    return sum(tokens / BLOOM_TOKENS_PER_S * (efficiency(2048) / efficiency(size) - 1) for size in sizes)


def bloom_last_days_s() -> float:
    """Seconds that the end on 24 nodes took longer, and 47 minutes to reshape the checkpoint (chronicles, 2022-07-04).

    Step 94767 was the last on 48 nodes; step 12695 had consumed 20,155,564,032 tokens, each later one 2048 x 2048.
    """
    left = BLOOM_TOKENS - (20_155_564_032 + (94_767 - 12_695) * 2048 * 2048)
    return left / BLOOM_TOKENS_PER_S + 47 * MINUTE


def bloom(
    *, unnoticed: float = 1 / 3, noticed_s: float = 8 * HOUR, restart_s: float = RESTART_S, per_week: float = 1.5,
    straggler_found_s: float = 3 * DAY, repair_s: float = REPAIR_S,
) -> Conditions:  # fmt: skip
    """BLOOM on 48 nodes with 4 in reserve."""
    rate = BLOOM.per_1000_node_days * per_week / BLOOM.failures
    work_s = BLOOM_TOKENS / BLOOM_TOKENS_PER_S
    return Conditions(
        nodes=48, work_s=work_s, every_s=100 * BLOOM_STEP_S, save=Save(stall_s=40),
        recovery=Recovery(restart_s=restart_s, spares=4, repair_s=repair_s),
        hazards=(
            Hazard(name="GPU", component="node", per_1000_node_days=rate * (1 - unnoticed), detect_s=5 * MINUTE),
            Hazard(name="GPU, unnoticed", component="node", per_1000_node_days=rate * unnoticed, detect_s=noticed_s),
        ),
        stragglers=Stragglers(per_1000_node_days=1000 * DAY / (48 * work_s), slowdown=0.05, found_s=straggler_found_s),
        pauses=(Pause(name="evaluation", every_s=1000 * BLOOM_STEP_S, lasts_s=12 * MINUTE),),
        planned=Planned(every_s=5990 * MINUTE, lasts_s=restart_s),
        incidents_s=(7.3 * HOUR, 18 * HOUR, 6 * HOUR, 11 * HOUR, bloom_ramp_up_s(), bloom_last_days_s()),
    )  # fmt: skip


def llama_3(
    *, detect_s: float = DETECT_S, restart_s: float = RESTART_S, every_s: float | None = None, save_s: float | None = None,
    fetch_s: float = 0.0,
) -> Conditions:  # fmt: skip
    """Llama 3 405B on 2048 nodes over the 54 days that the paper counts."""
    rate = LLAMA_3.per_1000_node_days
    save_s = checkpoint_bytes(405 * 10**9, MEGATRON_DEEPSPEED) / 2e12 if save_s is None else save_s
    every_s = intervals.daly(save_s, intervals.job_mtbf(rate, LLAMA_3.nodes)) if every_s is None else every_s
    hazards = tuple(
        Hazard(name=component, component=component, per_1000_node_days=rate * share, takes=TAKES[component], detect_s=detect_s)
        for component, share in LLAMA_3.shares().items()
    )
    days = LLAMA_3.days * DAY
    return Conditions(
        nodes=LLAMA_3.nodes, work_s=days, horizon_s=days, every_s=every_s, save=Save(stall_s=save_s), hazards=hazards,
        recovery=Recovery(restart_s=restart_s, spares=(24_000 - 16_384) // 8, fetch_s=fetch_s, repair_s=REPAIR_S),
        planned=Planned(every_s=days / (LLAMA_3.planned + 0.5), lasts_s=restart_s),
    )  # fmt: skip


def bloom_case() -> Case:
    base = bloom()
    chronicles = "published: bigscience, train/tr11-176B-ml/chronicles.md"
    return Case(
        name="BLOOM 176B, 384 A100 on 48 nodes",
        conditions=base,
        published=BLOOM_TOKENS / BLOOM_TOKENS_PER_S / (1_082_990 / 384 * HOUR),
        published_words="366B tokens at the steady 19.463 samples/s against the 1,082,990 GPU-hours reported"
        "; 0.92 to 4 July by the chronicles' dates",
        interruptions=1.5 * base.work_s / (7 * DAY) / 0.90,
        inputs=(
            ("work", f"{base.work_s / DAY:.1f} days: 366B tokens at 105.22 s per 2048 x 2048", chronicles),
            ("failures", "1.5 GPUs a week, the node leaves", "published: arXiv:2211.05100, '1-2 GPU failures per week'"),
            ("checkpoint", "40 s, blocking, every 100 steps", chronicles),
            ("evaluation", "12 min every 1000 steps", chronicles),
            ("incidents", "7.3 h, 18 h, 6 h, 11 h", chronicles),
            ("straggler", "one in the run, -5%", chronicles),
            ("spare nodes", "4 of 52", "published: README of the same folder"),
            ("job's time limit", "a restart every 5990 min", "published: tr11-176B-ml.slurm"),
            ("detection", "5 min where Slurm ends the job", chronicles),
            ("ramp-up", f"{bloom_ramp_up_s() / HOUR:.1f} h beyond steady speed", "computed: bubble at each published batch size"),
            ("last days", f"{bloom_last_days_s() / HOUR:.1f} h: reshaping, then 24 nodes", "published: chronicles, 2022-07-04"),
            ("unnoticed", "1 failure in 3 hangs for 8 h", "assumed: 'slurm doesn't quit on some crashes', no number is given"),
            ("straggler found", "after 3 days", "assumed: more than 65 h by the iterations given"),
            ("restart", f"{RESTART_S / MINUTE:.0f} min", "assumed: as arXiv:2605.09370: 11 min between automatic retries"),
            ("repair", f"{REPAIR_S / HOUR:.0f} h", "assumed"),
        ),
        changes=(
            ("no failure goes unnoticed", bloom(unnoticed=0.0)),
            ("half of them go unnoticed", bloom(unnoticed=0.5)),
            ("unnoticed for 4 h", bloom(noticed_s=4 * HOUR)),
            ("unnoticed for 16 h", bloom(noticed_s=16 * HOUR)),
            ("1 failure a week, as the chronicles say", bloom(per_week=1.0)),
            ("2 failures a week", bloom(per_week=2.0)),
            ("restart 5 min", bloom(restart_s=5 * MINUTE)),
            ("restart 30 min", bloom(restart_s=30 * MINUTE)),
            ("straggler found after 7 days", bloom(straggler_found_s=7 * DAY)),
            ("repair 7 days", bloom(repair_s=7 * DAY)),
            ("no assumption: all noticed, no restart time", bloom(unnoticed=0.0, restart_s=0.0)),
        ),
    )  # fmt: skip


def llama_3_case() -> Case:
    base = llama_3()
    paper = f"published: {LLAMA_3.reference}"
    return Case(
        name="Llama 3 405B, 16,384 H100 on 2048 nodes, 54 days",
        conditions=base,
        published=0.90,
        published_words="'higher than 90% effective training time' (arXiv:2407.21783, section 3.3.4); a bound, not a figure",
        interruptions=LLAMA_3.failures,
        inputs=(
            ("failures", "419 in 54 days, by component", paper),
            ("planned", "47 in 54 days", paper),
            ("storage", "2 TB/s sustained", "published: arXiv:2407.21783, section 3.3.1"),
            ("spare nodes", "a cluster of 24,000 GPUs, 16,384 in use", "published: the same section"),
            ("checkpoint", f"{base.save.stall_s:.1f} s, blocking: 14 B x 405e9 at 2 TB/s", "assumed: bytes per parameter as BLOOM's"),
            ("interval", f"{base.every_s:.0f} s: Daly's optimum", "assumed: no interval is given"),
            ("detect", f"{DETECT_S / MINUTE:.0f} min", "assumed: with restart 11 min, as between retries in arXiv:2605.09370"),
            ("restart", f"{RESTART_S / MINUTE:.0f} min, planned ones too", "assumed: as above"),
            ("spare nodes", "hot", "assumed"),
        ),
        changes=(
            ("restart 5 min", llama_3(restart_s=5 * MINUTE)),
            ("restart 15 min", llama_3(restart_s=15 * MINUTE)),
            ("save every 10 min", llama_3(every_s=10 * MINUTE)),
            ("save every 30 min", llama_3(every_s=30 * MINUTE)),
            ("a save takes 0.8 s (7 TB/s peak)", llama_3(save_s=0.8)),
            ("a save takes 30 s", llama_3(save_s=30)),
            ("spare nodes come up in 5 min", llama_3(fetch_s=5 * MINUTE)),
        ),
    )


def show(case: Case, seeds: int) -> bool:
    """Prints a case; whether the simulated share lies within WITHIN of the published one."""
    began = time.perf_counter()
    found = simulate(case.conditions, seeds)
    seconds = (time.perf_counter() - began) / seeds
    print(f"{case.name}\n  inputs")
    for what, value, where in case.inputs:
        print(f"    {what:<18}{value:<58}{where}")
    print(f"  published   {case.published:.3f}: {case.published_words}")
    print(f"  simulated   {_share(found)} over {seeds} seeds, {seconds * 1e3:.1f} ms each; {found.days.mean:.1f} days")
    interruptions = found.interruptions
    print(f"  interrupted {interruptions.mean:.1f} times ({interruptions.low:.0f} ... {interruptions.high:.0f}); expected {case.interruptions:.0f}"
          f" +- {case.interruptions ** 0.5:.0f}; planned {found.as_dict()['planned']:.0f}")  # fmt: skip
    print("  lost        " + ", ".join(f"{cause} {share:.2%}" for cause, share in found.lost().items() if share >= 5e-5))
    print("  with one assumption changed")
    for words, conditions in case.changes:
        changed = simulate(conditions, seeds)
        print(f"    {words:<46}{changed.ettr.mean:.3f}  ({changed.ettr.mean - found.ettr.mean:+.3f})")
    good = abs(found.ettr.mean - case.published) <= WITHIN
    print(f"  {'within' if good else 'NOT WITHIN'} {100 * WITHIN:.0f} points: {100 * (found.ettr.mean - case.published):+.1f}\n")
    return good


def _share(found: Outcomes) -> str:
    return f"{found.ettr.mean:.3f} ({found.ettr.low:.3f} ... {found.ettr.high:.3f})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    good = [show(case, options.seeds) for case in (bloom_case(), llama_3_case())]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
