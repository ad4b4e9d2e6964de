"""Holds each start of a gang to the nodes that exist at that moment.

A restart may find other nodes than the first start did, so the ranks' nodes cannot be settled once by the
driver. Ray Train's controller asks here before each start, and writes the answer into its request.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ray.train.v2._internal.exceptions import WorkerGroupStartupTimeoutError
from ray.train.v2._internal.execution.controller import TrainController

from orchestrator.launch import inventory
from orchestrator.launch.assign import assign
from orchestrator.launch.failures import WAITING
from orchestrator.launch.placement import Request, can_place
from orchestrator.training.rundir import RunDir

NODE_ID = "ray.io/node-id"
"""The label that Ray gives each node."""
WAIT_S = 60.0  # then the controller takes a breath and asks again
LOOK_AGAIN_S = 0.5
PATIENCE_S = 5.0
"""What a gang that was ended held is not free at once; only what lasts is worth a word."""


@dataclass(frozen=True, kw_only=True)
class Pins:
    """Whom to place, and where to write that there is no room."""

    request: Request
    run: RunDir

    def label_selectors(self) -> list[dict[str, str]]:
        """One per rank: the node that `assign` gives it. Waits while there is no room, to Ray Train's own error."""
        began, said = time.monotonic(), False
        while (waited := time.monotonic() - began) < WAIT_S:
            existing = inventory.of_ray()
            nodes = assign(self.request, existing)
            if nodes is not None:
                return [{NODE_ID: node.id} for node in nodes]
            if waited > PATIENCE_S and not said:
                said = True
                self.run.event(WAITING, reason=can_place(self.request, existing).reason)
            time.sleep(LOOK_AGAIN_S)
        raise WorkerGroupStartupTimeoutError(num_workers=self.request.workers)


class PinningController(TrainController):
    """Ray Train's controller, asking `pins` before each start. A gang whose ranks may lie anywhere has none."""

    def __init__(self, *, pins: Pins | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self._pins = pins

    def _start_worker_group(self, num_workers: int, resources_per_worker: dict[str, float]) -> None:
        if self._pins:
            self._train_run_context.scaling_config.label_selector = self._pins.label_selectors()
        super()._start_worker_group(num_workers, resources_per_worker)
