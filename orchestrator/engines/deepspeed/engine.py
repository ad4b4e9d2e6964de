"""Data-parallel training with DeepSpeed: parameters, gradients and optimizer state cut over the ranks.

DeepSpeed does the sharding and the communication. Everything that decides the numbers stays ours and
explicit: the initial weights, the torch optimizer, the learning rate, where a step's accumulation ends
(it changes along a batch-size ramp-up), and the scale of each micro-batch's loss.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import distributed

from orchestrator.engines.base import Device, EvalReport, StepReport
from orchestrator.engines.boxes import Box, ShardedState, boxes_of_range
from orchestrator.engines.deepspeed import partitions, runtime
from orchestrator.engines.deepspeed.config import clips_itself, ds_config
from orchestrator.engines.metering import Meter
from orchestrator.engines.optimizers import (
    get_step,
    make_optimizer,
    materialise_state,
    set_lr,
    set_step,
    slots,
)
from orchestrator.engines.process_group import join_process_group
from orchestrator.engines.router_logits import RouterLogits
from orchestrator.engines.routing import RoutingMeter, routers_of
from orchestrator.models.build import build_module, initialiser, module_class, recompute_activations
from orchestrator.objectives import Batch, Objective
from orchestrator.planning.capabilities import CAPABILITIES, Capabilities
from orchestrator.registry import OBJECTIVES

if TYPE_CHECKING:
    from orchestrator.planning.plan import Plan

COMPUTE_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class DeepSpeedEngine:
    """ZeRO 0-3 over all ranks of the default process group. See `engines.base.Engine` for the contract."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES["deepspeed"]

    objective: Objective

    def build(self, plan: Plan, device: Device) -> None:
        deepspeed = runtime.import_deepspeed(device)
        self._made_process_group = join_process_group(device, plan.world_size)
        # Before ZeRO-3 makes its first parameter: a config read earlier takes the world for one rank.
        deepspeed.init_distributed(dist_backend=device.backend, verbose=False)
        training = plan.spec.training
        self.objective = OBJECTIVES.get(training.objective).from_training(training)
        self._device = device.torch
        self._rank = distributed.get_rank()
        self._world_size = plan.world_size
        self._stage = plan.zero_stage
        # Stage 0 in fp32 has no wrapper that measures the gradient: then it is done here.
        self._clip_here = not clips_itself(plan)
        self._clip_norm = training.optimizer.clip_norm
        config = ds_config(plan)
        module = self._make_module(deepspeed, plan, config)
        if plan.recompute == "full":
            recompute_activations(module)
        self._optimizer = make_optimizer(
            ((parameter, partitions.shape_of(parameter)) for parameter in module.parameters()),
            training.optimizer,
        )
        with runtime.output_to_log():
            self._engine, *_ = deepspeed.initialize(model=module, optimizer=self._optimizer, config=config)
        # Its hooks come after DeepSpeed's own: under ZeRO 3 the backward pass starts from what those return.
        self._routers = tuple(routers_of(plan.architecture).values())
        self._router_logits = RouterLogits(plan.architecture, module)
        if plan.zero_stage == 0 and plan.precision == "bf16":
            for parameter in module.parameters():
                parameter.grad_dtype = torch.float32
        self._masters = partitions.masters(self._engine.optimizer, self._stage)
        materialise_state(self._optimizer, self._masters)
        self._set_initial_weights(plan)

    @property
    def module(self) -> torch.nn.Module:
        return self._engine.module

    def train_step(self, batches: Iterable[Batch], *, lr: float) -> StepReport:
        micro_batches = list(batches)
        meter = Meter(self._device, group=distributed.group.WORLD)
        routing = RoutingMeter(self._routers, self._device, group=distributed.group.WORLD)
        self._engine.train()
        for index, batch in enumerate(micro_batches):
            self._engine.set_gradient_accumulation_boundary(index == len(micro_batches) - 1)
            with self._router_logits.recording():
                report = self.objective.loss(self._engine, self._place(batch))
            loss = report.loss + routing.add(self._router_logits.take())
            self._engine.backward(loss / len(micro_batches), scale_wrt_gas=False)
            meter.add(report)
        set_lr(self._optimizer, lr)
        norm, applied = self._step()
        mean, terms = meter.means()
        return StepReport(loss=mean, grad_norm=norm, skipped=not applied, terms=terms, routing=routing.report())

    @torch.no_grad()
    def evaluate(self, batches: Iterable[Batch]) -> EvalReport:
        meter = Meter(self._device, group=distributed.group.WORLD)
        self._engine.eval()
        for batch in batches:
            meter.add(self.objective.loss(self._engine, self._place(batch)))
        return EvalReport(loss=meter.means()[0], tokens=meter.tokens)

    def state(self) -> ShardedState:
        boxes: list[Box] = []
        for index, fragment in enumerate(partitions.fragments(self._engine, self._stage, self._rank)):
            # Stage 0 holds everything everywhere: the ranks take turns in saving.
            owned = self._stage > 0 or index % self._world_size == self._rank
            tensors = {"weights": fragment.master}
            for slot, tensor in slots(self._optimizer, fragment.master).items():
                tensors[f"optimizer/{slot}"] = tensor
            for kind, tensor in tensors.items():
                key = f"{kind}/{fragment.name}"
                if tensor.shape != fragment.master.shape:
                    shape = tuple(tensor.shape)
                    boxes.extend(boxes_of_range(key, shape, 0, tensor.view(-1), owned=owned))
                    continue
                view = fragment.view(tensor)
                boxes.extend(boxes_of_range(key, fragment.shape, fragment.start, view, owned=owned))
        return ShardedState(boxes=boxes, scalars={"optimizer/step": get_step(self._optimizer)})

    def restore(self, state: ShardedState) -> None:
        set_step(self._optimizer, int(state.scalars["optimizer/step"]))
        partitions.copy_from_masters(self._engine.optimizer, self._stage)

    def close(self) -> None:
        self._engine.destroy()
        del self._engine, self._optimizer, self._masters
        if self._made_process_group:
            runtime.leave_process_group()

    def _make_module(self, deepspeed: Any, plan: Plan, config: dict[str, Any]) -> torch.nn.Module:
        dtype = COMPUTE_DTYPES[plan.precision]
        if plan.zero_stage < 3:
            return build_module(plan.architecture, dtype=dtype, device=self._device)
        # Before the context below: it undoes, on leaving, what classes imported inside it did to their constructors.
        module_class(plan.architecture)
        # Each layer is partitioned as soon as it is made, so no rank ever holds the whole model. Without
        # the overrides every new tensor would become the model's dtype, rotary frequencies too.
        with deepspeed.zero.Init(config_dict_or_path=config, tensor_overrides=[]):
            return build_module(plan.architecture, dtype=dtype, device=self._device)

    @torch.no_grad()
    def _set_initial_weights(self, plan: Plan) -> None:
        weights = initialiser(plan.architecture, plan.seed)
        for group in self._masters:
            for master in group:
                master.zero_()  # also the padding, which no box covers
        prefix = "weights/"
        for box in self.state().boxes:
            if box.key.startswith(prefix):
                name = box.key.removeprefix(prefix)
                box.tensor.copy_(weights.part(name, box.global_shape, box.offsets, tuple(box.tensor.shape)))
        partitions.copy_from_masters(self._engine.optimizer, self._stage)

    def _place(self, batch: Batch) -> Batch:
        return {name: tensor.to(self._device, non_blocking=True) for name, tensor in batch.items()}

    def _step(self) -> tuple[float, bool]:
        """The optimizer's update; the gradient's norm before clipping, and whether the update was made."""
        if not self._clip_here:
            self._engine.step()
            return float(self._engine.get_global_grad_norm()), self._engine.was_step_applied()
        limit = math.inf if self._clip_norm is None else self._clip_norm
        norm = float(torch.nn.utils.clip_grad_norm_(self._engine.module.parameters(), limit))
        if not math.isfinite(norm):
            self._engine.zero_grad()
            return norm, False
        self._engine.step()
        return norm, True


ENGINE = DeepSpeedEngine
