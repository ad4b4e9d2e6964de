"""The thread in which Ray Train holds a gang, and the way to call it off.

`fit()` blocks in C++ until the run is over. Disconnecting from Ray under it crashes the process now and
then, so whoever wants to leave early first kills the controller: its workers go with it, `fit()` raises,
and the thread ends. For that the controller's handle is needed, which `DataParallelTrainer` keeps to
itself; hence the override of its last step.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import ray
from ray.train.v2._internal.callbacks import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.constants import get_env_vars_to_propagate
from ray.train.v2._internal.execution.scaling_policy import FixedScalingPolicy
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

from orchestrator.launch.pins import PinningController, Pins

CALL_OFF_S = 15.0


class OwnMachine(FixedScalingPolicy):
    """For a private Ray, which has no autoscaler: asks none for nodes, which costs an actor and seconds."""

    def after_controller_start(self, train_run_context: Any) -> None: ...

    def _maybe_send_resource_request(self) -> None: ...


class GangTrainer(DataParallelTrainer):
    """Ray Train's trainer, its controller within reach and without its SIGINT handler.

    Each helper actor is a Python process of some three CPU seconds, at every start and restart. So the one for
    Ray datasets is left out, and on a private Ray (`private`), which dies with this process, also the ones
    that clean up after a dead driver and that ask an autoscaler.
    """

    controller: Any = None
    private = False
    pins: Pins | None = None

    def _create_default_callbacks(self) -> list[Any]:
        unwanted = (DatasetsCallback, PlacementGroupCleanerCallback) if self.private else (DatasetsCallback,)
        return [callback for callback in super()._create_default_callbacks() if not isinstance(callback, unwanted)]

    def _initialize_and_run_controller(self, **controller_init_kwargs: Any) -> Any:
        """As in the base class: the controller is an actor on this driver's node."""
        if self.private:
            scaling: Any = self.scaling_config
            controller_init_kwargs["scaling_policy"] = OwnMachine(scaling)
        here = {ray._raylet.RAY_NODE_ID_KEY: ray.get_runtime_context().get_node_id()}  # type: ignore[attr-defined]
        environment = {"RAY_WARN_BLOCKING_GET_INSIDE_ASYNC": "0", **get_env_vars_to_propagate()}
        actor: Any = ray.remote(num_cpus=0, label_selector=here, runtime_env={"env_vars": environment})(PinningController)
        self.controller = actor.remote(pins=self.pins, **controller_init_kwargs)
        ray.get(self.controller.run.remote())
        return ray.get(self.controller.get_result.remote())


class Gang(threading.Thread):
    """Runs `fit`; afterwards `returned` holds what rank 0's function returned, or `error` what went wrong."""

    def __init__(self, make_trainer: Callable[[], GangTrainer]) -> None:
        super().__init__(name="gang", daemon=True)
        self._make_trainer = make_trainer
        self._trainer: GangTrainer | None = None
        self._called_off = False
        self.returned: dict[str, Any] | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._trainer = self._make_trainer()
            if not self._called_off:
                result: Any = self._trainer.fit()
                self.returned = result.return_value
        except BaseException as error:  # carried to the main thread, which reports it
            if not self._called_off:
                logging.getLogger("ray").exception("the gang ended with an error")
            self.error = error

    def call_off(self) -> None:
        """End the gang now, whatever it is doing, and wait for this thread to see it."""
        self._called_off = True
        deadline = CALL_OFF_S
        while self.is_alive() and deadline > 0:
            if self._trainer is not None and self._trainer.controller is not None:
                ray.kill(self._trainer.controller)
            self.join(0.5)
            deadline -= 0.5
