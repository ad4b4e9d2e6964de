"""The run's newest numbers as Prometheus gauges, on the /metrics of the node that launched it.

A view like any other: it follows metrics.jsonl and hands each number to Ray's metrics agent, which exports
it as `ray_orchestrator_…{run="…"}` beside Ray's own. The training loop knows nothing of it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.training.rundir import RunDir
from orchestrator.training.views.follow import Follower

REPEAT_S = 1.0

# key of a line in metrics.jsonl -> (name of the gauge, what it says)
GAUGES: Mapping[str, tuple[str, str]] = {
    "step": ("orchestrator_step", "Optimizer steps done"),
    "tokens": ("orchestrator_tokens", "Tokens trained on"),
    "loss": ("orchestrator_loss", "Training loss of the newest step"),
    "tokens_per_s": ("orchestrator_tokens_per_second", "Tokens per second over all devices"),
    "step_time_s": ("orchestrator_step_time_seconds", "Wall time of the newest step"),
    "mfu": ("orchestrator_mfu", "Model FLOPs utilisation, 0 to 1"),
    "lr": ("orchestrator_learning_rate", "Learning rate of the newest step"),
    "grad_norm": ("orchestrator_grad_norm", "Gradient norm before clipping"),
    "attempt": ("orchestrator_attempt", "Which attempt of the run this is, from 1"),
}


class GaugesView:
    """Needs a connected Ray, whose agent forgets a gauge that is not set again for some seconds: so a value is
    repeated while a step takes long, and gone soon after the run."""

    def __init__(self, run_dir: Path) -> None:
        from ray.util.metrics import Gauge

        run = RunDir(run_dir)
        self._metrics = Follower(run.metrics, from_end=True)
        self._tags = {"run": run.name}
        self._gauges = {key: Gauge(name, description=text, tag_keys=("run",)) for key, (name, text) in GAUGES.items()}
        self._latest: Mapping[str, Any] = {}
        self._set_at = 0.0

    def poll(self) -> None:
        records = self._metrics.new()
        now = time.monotonic()
        if records:
            self._latest = records[-1]
        elif now - self._set_at < REPEAT_S:
            return
        self._set_at = now
        for key, gauge in self._gauges.items():
            value = self._latest.get(key)
            if value is not None:
                gauge.set(float(value), tags=self._tags)

    def close(self) -> None:
        self.poll()
