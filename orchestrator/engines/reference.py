"""The oracle: one process, plain PyTorch, nothing clever.

Every other engine must reproduce the losses of this one, so its file should be readable in one sitting.
bf16 means what it means everywhere else here: bf16 weights for computing, fp32 master weights for the
optimizer, gradients accumulated in fp32.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import torch

from orchestrator.engines.base import Device, EvalReport, StepReport
from orchestrator.engines.boxes import Box, ShardedState
from orchestrator.engines.metering import Meter
from orchestrator.engines.optimizers import (
    get_step,
    make_optimizer,
    materialise_state,
    set_lr,
    set_step,
    slots,
)
from orchestrator.engines.router_logits import RouterLogits
from orchestrator.engines.routing import RoutingMeter, routers_of
from orchestrator.errors import PlanError
from orchestrator.models.build import build_module, initialiser, recompute_activations
from orchestrator.objectives import Batch, Objective
from orchestrator.planning.capabilities import CAPABILITIES, Capabilities
from orchestrator.registry import OBJECTIVES

if TYPE_CHECKING:
    from orchestrator.planning.plan import Plan

COMPUTE_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class ReferenceEngine:
    """One process holds everything. See `engines.base.Engine` for the contract."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES["reference"]

    objective: Objective
    module: torch.nn.Module

    def build(self, plan: Plan, device: Device) -> None:
        if plan.world_size != 1:
            raise PlanError(
                f"the reference engine trains in one process; the plan has {plan.world_size}."
                " Set parallelism.engine to deepspeed, or use one device"
            )
        training = plan.spec.training
        self.objective = OBJECTIVES.get(training.objective).from_training(training)
        self._device = device.torch
        self._clip_norm = training.optimizer.clip_norm
        self.module = build_module(
            plan.architecture, dtype=COMPUTE_DTYPES[plan.precision], device=self._device
        )
        self._parameters = dict(self.module.named_parameters())
        self._masters = {
            name: parameter
            if parameter.dtype == torch.float32
            else torch.nn.Parameter(torch.empty_like(parameter, dtype=torch.float32))
            for name, parameter in self._parameters.items()
        }
        self._optimizer = make_optimizer(
            ((master, tuple(master.shape)) for master in self._masters.values()), training.optimizer
        )
        materialise_state(self._optimizer, [group["params"] for group in self._optimizer.param_groups])
        weights = initialiser(plan.architecture, plan.seed)
        for name, master in self._masters.items():
            master.data.copy_(weights.whole(name, master.shape))
        self._copy_from_masters()
        if plan.recompute == "full":
            recompute_activations(self.module)
        self._routers = tuple(routers_of(plan.architecture).values())
        self._router_logits = RouterLogits(plan.architecture, self.module)

    def train_step(self, batches: Iterable[Batch], *, lr: float) -> StepReport:
        micro_batches = list(batches)
        meter, routing = Meter(self._device), RoutingMeter(self._routers, self._device)
        self.module.train()
        for batch in micro_batches:
            with self._router_logits.recording():
                report = self.objective.loss(self.module, self._place(batch))
            loss = report.loss + routing.add(self._router_logits.take())
            (loss / len(micro_batches)).backward()
            self._accumulate_in_masters()
            meter.add(report)
        norm = self._clip()
        finite = math.isfinite(norm)
        if finite:
            set_lr(self._optimizer, lr)
            self._optimizer.step()
            self._copy_from_masters()
        self._optimizer.zero_grad(set_to_none=True)
        mean, terms = meter.means()
        return StepReport(loss=mean, grad_norm=norm, skipped=not finite, terms=terms, routing=routing.report())

    @torch.no_grad()
    def evaluate(self, batches: Iterable[Batch]) -> EvalReport:
        meter = Meter(self._device)
        self.module.eval()
        for batch in batches:
            meter.add(self.objective.loss(self.module, self._place(batch)))
        return EvalReport(loss=meter.means()[0], tokens=meter.tokens)

    def state(self) -> ShardedState:
        boxes = []
        for name, master in self._masters.items():
            boxes.append(_whole(f"weights/{name}", master.detach()))
            for slot, tensor in slots(self._optimizer, master).items():
                boxes.append(_whole(f"optimizer/{slot}/{name}", tensor))
        return ShardedState(boxes=boxes, scalars={"optimizer/step": get_step(self._optimizer)})

    def restore(self, state: ShardedState) -> None:
        set_step(self._optimizer, int(state.scalars["optimizer/step"]))
        self._copy_from_masters()

    def close(self) -> None:
        del self.module, self._optimizer, self._masters, self._parameters

    def _place(self, batch: Batch) -> Batch:
        return {name: tensor.to(self._device, non_blocking=True) for name, tensor in batch.items()}

    @torch.no_grad()
    def _accumulate_in_masters(self) -> None:
        """Moves this micro-batch's low-precision gradients into the fp32 ones of the masters."""
        for name, parameter in self._parameters.items():
            master = self._masters[name]
            if master is parameter or parameter.grad is None:
                continue
            gradient = parameter.grad.float()
            master.grad = gradient if master.grad is None else master.grad.add_(gradient)
            parameter.grad = None

    def _clip(self) -> float:
        """The 2-norm of the gradient; scales it down to the page's `clip_norm` if it is longer."""
        limit = math.inf if self._clip_norm is None else self._clip_norm
        return float(torch.nn.utils.clip_grad_norm_(self._masters.values(), limit))

    @torch.no_grad()
    def _copy_from_masters(self) -> None:
        for name, parameter in self._parameters.items():
            if self._masters[name] is not parameter:
                parameter.copy_(self._masters[name])


def _whole(key: str, tensor: torch.Tensor) -> Box:
    shape = tuple(tensor.shape)
    return Box(key=key, global_shape=shape, offsets=(0,) * len(shape), tensor=tensor)


ENGINE = ReferenceEngine
