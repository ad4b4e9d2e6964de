"""Training with Megatron-core: every product of data, tensor, sequence, pipeline, context and expert parallelism.

Core cuts the model, runs the schedules and reduces the gradients. What decides the numbers stays ours, as under every
engine: the initial weights, the objective, the learning rate, what happens to a gradient that is not finite.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, distributed

from orchestrator.engines.base import Device, EvalReport, StepReport
from orchestrator.engines.boxes import Box, ShardedState
from orchestrator.engines.megatron import runtime
from orchestrator.engines.megatron.cpu import adapted
from orchestrator.engines.megatron.names import Rank
from orchestrator.engines.metering import Meter
from orchestrator.engines.optimizers import materialise_state, set_step
from orchestrator.engines.process_group import join_process_group
from orchestrator.models.build import initialiser
from orchestrator.objectives import Batch, LogitsObjective
from orchestrator.planning.capabilities import CAPABILITIES, Capabilities
from orchestrator.planning.mesh import coordinates
from orchestrator.registry import OBJECTIVES

if TYPE_CHECKING:
    from orchestrator.planning.plan import Plan


class MegatronEngine:
    """All ranks of the default process group, laid out as the plan says. See `engines.base.Engine` for the contract."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES["megatron"]

    objective: LogitsObjective

    def build(self, plan: Plan, device: Device) -> None:
        runtime.take_device(device, plan.layout)
        self._made_process_group = join_process_group(device, plan.world_size)
        self._plan = plan
        self._device = device.torch
        self._place = coordinates(plan.layout, distributed.get_rank())
        self._rank = Rank.of(plan.layout, self._place)
        training = plan.spec.training
        self.objective = OBJECTIVES.get(training.objective).from_training(training)
        self._clip_norm = training.optimizer.clip_norm
        runtime.import_core()
        before = runtime.process_groups()
        try:
            with self._core():
                runtime.initialise(plan.layout, plan.seed)
                self._build()
                self._set_initial_weights()
        except BaseException:
            # There is no engine to close, and the next one of this process would meet these groups.
            self._leave(list(runtime.process_groups() - before))
            raise
        self._groups = list(runtime.process_groups() - before)

    @property
    def module(self) -> torch.nn.Module:
        return self._reader

    def train_step(self, batches: Iterable[Batch], *, lr: float) -> StepReport:
        micro_batches = [self._moved(batch) for batch in batches]
        with self._core():
            for chunk in self._chunks:
                chunk.train()
            meter, biases = self._meter(), self._routing.biases()
            self._run(micro_batches, meter, forward_only=False)
            norm, applied = self._step(lr)
            if not applied:
                self._routing.put_back(biases)
            loss, terms = self._means(meter)
            routing = self._routing.report(len(micro_batches))
        return StepReport(loss=loss, grad_norm=norm, skipped=not applied, terms=terms, routing=routing)

    @torch.no_grad()
    def evaluate(self, batches: Iterable[Batch]) -> EvalReport:
        with self._core():
            for chunk in self._chunks:
                chunk.eval()
            meter = self._meter()
            placed = (self._moved(batch) for batch in batches)
            # A schedule's micro-batches have one shape; the last of an evaluation may be smaller.
            for _, alike in groupby(placed, key=lambda batch: batch["input_ids"].shape):
                self._run(list(alike), meter, forward_only=True)
            loss, _ = self._means(meter)
        return EvalReport(loss=loss, tokens=meter.tokens)

    def state(self) -> ShardedState:
        boxes = [box for index, shard in enumerate(self._shards) for box in self._boxes(index, shard)]
        boxes.extend(self._routing.boxes(owned=self._place.tensor == self._place.context == self._place.data == 0))
        return ShardedState(boxes=boxes, scalars={"optimizer/step": self._updates})

    def restore(self, state: ShardedState) -> None:
        self._updates = int(state.scalars["optimizer/step"])
        with self._core():
            for each in self._inner:
                set_step(each.optimizer, self._updates)
            self._copy_from_masters()

    def close(self) -> None:
        self._routing.forget()
        del self._chunks, self._optimizer, self._inner, self._shards, self._reader, self._routing
        del self._names, self._config  # keyed by parameters; holds functions of the chunks
        self._leave(self._groups)

    def _leave(self, groups: list[Any]) -> None:
        runtime.terminate(groups)
        if self._made_process_group:
            distributed.destroy_process_group()

    def read(self, ids: Tensor) -> Tensor:
        """Logits [b, s, vocabulary], fp32, of token ids [b, s], on every rank. Collective; s must suit the layout."""
        from megatron.core import parallel_state

        plan, layout = self._plan, self._plan.layout
        found: list[Tensor] = []
        with torch.no_grad(), self._core():
            modes = [chunk.training for chunk in self._chunks]
            for chunk in self._chunks:
                chunk.eval()
            self._run([{"input_ids": ids.to(self._device)}], None, forward_only=True, found=found)
            for chunk, mode in zip(self._chunks, modes, strict=True):
                chunk.train(mode)
            shape = (ids.shape[0], ids.shape[1] // layout.context, plan.architecture.head.vocab)
            logits = found[0].contiguous() if found else torch.empty(shape, device=self._device)
            if layout.pipeline > 1:
                last = parallel_state.get_pipeline_model_parallel_last_rank()
                distributed.broadcast(logits, last, group=parallel_state.get_pipeline_model_parallel_group())
            if layout.context > 1:
                group = parallel_state.get_context_parallel_group()
                parts = [torch.empty_like(logits) for _ in range(layout.context)]
                distributed.all_gather(parts, logits, group=group)
                halves = [part.chunk(2, dim=1) for part in parts]
                logits = torch.cat([half[0] for half in halves] + [half[1] for half in reversed(halves)], dim=1)
        return logits

    @contextlib.contextmanager
    def _core(self) -> Iterator[None]:
        with contextlib.nullcontext() if self._device.type == "cuda" else adapted():
            yield

    def _build(self) -> None:
        from megatron.core.distributed import DistributedDataParallel, finalize_model_grads
        from megatron.core.optimizer import get_megatron_optimizer

        from orchestrator.engines.megatron.masters import inner_optimizers, shards
        from orchestrator.engines.megatron.model import build_chunk
        from orchestrator.engines.megatron.names import pieces
        from orchestrator.engines.megatron.reading import Reader
        from orchestrator.engines.megatron.routing import Routing
        from orchestrator.engines.megatron.translate import translate

        plan = self._plan
        translation = translate(plan.architecture, plan)
        self._config = translation.config
        mine = plan.stages[self._place.pipeline]
        models = [
            build_chunk(plan, translation, chunk, number if len(mine) > 1 else None) for number, chunk in enumerate(mine)
        ]
        self._names: dict[Any, tuple[str, int]] = {
            parameter: (name, chunk.first)
            for chunk, model in zip(mine, models, strict=True)
            for name, parameter in getattr(model, "module", model).named_parameters()
        }
        for parameter, (name, first) in self._names.items():
            # Core says so only where it draws the initial weights itself; the gradient's norm depends on it.
            # No two ranks of an expert's replica hold the same, even where a whole expert lies on one of them.
            held = pieces(plan.architecture, self._rank, name, first)
            expert = not getattr(parameter, "allreduce", True)
            parameter.tensor_model_parallel = expert or any(piece.shape != piece.global_shape for piece in held)
        self._chunks = [
            DistributedDataParallel(translation.config, translation.ddp, model, disable_bucketing=number > 0)
            for number, model in enumerate(models)
        ]
        self._config.finalize_model_grads_func = finalize_model_grads
        if translation.ddp.overlap_grad_reduce:
            waits = [chunk.no_sync for chunk in self._chunks]
            self._config.no_sync_func = waits if len(waits) > 1 else waits[0]
        self._optimizer = get_megatron_optimizer(translation.optimizer, self._chunks, use_gloo_process_groups=False)
        self._inner = inner_optimizers(self._optimizer)
        for each in self._inner:
            for group in each.optimizer.param_groups:
                group["weight_decay"] = translation.optimizer.weight_decay * group["wd_mult"]
                group["fused"] = True
            materialise_state(each.optimizer, [group["params"] for group in each.optimizer.param_groups])
        self._updates = 0
        self._shards = list(shards(self._optimizer))
        self._routing = Routing(plan, mine, models)
        self._reader = Reader(self.read, multiple=math.lcm(plan.layout.tensor * plan.layout.context, 2 * plan.layout.context))

    def _run(
        self, micro_batches: Sequence[Batch], meter: Meter | None, *, forward_only: bool, found: list[Tensor] | None = None
    ) -> None:
        """Core's schedule over the micro-batches. `found` takes the logits of the first, where this rank has them."""
        from megatron.core.pipeline_parallel import get_forward_backward_func

        count = len(micro_batches)
        # An interleaved schedule goes in rounds of as many micro-batches as stages; what is added is not measured.
        rounds = self._plan.layout.pipeline if self._plan.layout.virtual > 1 else 1
        batches = [*micro_batches, *([micro_batches[-1]] * (-count % rounds))]
        iterators = [iter(enumerate(batches)) for _ in self._chunks]
        size, length = batches[0]["input_ids"].shape
        get_forward_backward_func()(
            forward_step_func=functools.partial(self._forward, meter, count, found),
            data_iterator=iterators if len(iterators) > 1 else iterators[0],
            model=self._chunks,
            num_microbatches=len(batches),
            seq_length=length,
            micro_batch_size=size,
            forward_only=forward_only,
            collect_non_loss_data=found is not None,
        )

    def _forward(
        self, meter: Meter | None, count: int, found: list[Tensor] | None, batches: Iterator[tuple[int, Batch]], model: Any
    ) -> tuple[Tensor, Any]:
        """One micro-batch through one chunk, and what makes a loss of its output."""
        from orchestrator.engines.megatron.model import zigzag

        index, batch = next(batches)
        context = {"rank": self._place.context, "ranks": self._plan.layout.context}
        part = {name: zigzag(tensor, **context) for name, tensor in batch.items()}
        output = model(input_ids=part["input_ids"], position_ids=None, attention_mask=batch.get("documents"))
        return output, functools.partial(self._loss, meter if index < count else None, found, part)

    def _loss(
        self, meter: Meter | None, found: list[Tensor] | None, batch: Batch, output: Tensor, non_loss_data: bool = False
    ) -> Any:
        from megatron.core import parallel_state

        from orchestrator.engines.megatron.logits import VocabularyParallelLogits

        group = parallel_state.get_tensor_model_parallel_group()
        logits = VocabularyParallelLogits(output, vocab=self._plan.architecture.head.vocab, group=group)
        if non_loss_data:
            assert found is not None
            found.append(logits.whole())
            return None
        report = self.objective.score(logits, batch)
        if meter is not None:
            meter.add(report)
        # Core multiplies by the number of context ranks, for losses that are sums over them; ours is a mean.
        return report.loss / self._plan.layout.context, {}

    def _step(self, lr: float) -> tuple[float, bool]:
        """The optimizer's update; the gradient's norm before clipping, and whether the update was made."""
        from megatron.core.optimizer.clip_grads import clip_grad_by_total_norm_fp32

        self._optimizer.prepare_grads()
        norm = float(self._optimizer.get_grad_norm())
        finite = math.isfinite(norm)
        if finite:
            for each in self._inner:
                if self._clip_norm is not None:
                    clip_grad_by_total_norm_fp32(each.get_parameters(), self._clip_norm, norm)
                for group in each.optimizer.param_groups:
                    group["lr"] = lr
            self._optimizer.step_with_ready_grads()
            self._updates += 1
        self._optimizer.zero_grad()
        for chunk in self._chunks:
            chunk.zero_grad_buffer()
        return norm, finite

    def _meter(self) -> Meter:
        from megatron.core import parallel_state

        return Meter(self._device, group=parallel_state.get_data_parallel_group(with_context_parallel=True))

    def _means(self, meter: Meter) -> tuple[float, dict[str, float]]:
        """The means that the last stage measured, on every rank."""
        from megatron.core import parallel_state

        last = self._place.pipeline == self._plan.layout.pipeline - 1
        measured = [(*meter.means(), meter.tokens) if last else None]
        if self._plan.layout.pipeline > 1:
            source = parallel_state.get_pipeline_model_parallel_last_rank()
            distributed.broadcast_object_list(measured, source, group=parallel_state.get_pipeline_model_parallel_group())
        assert measured[0] is not None
        loss, terms, meter.tokens = measured[0]
        return loss, terms

    @torch.no_grad()
    def _set_initial_weights(self) -> None:
        weights = initialiser(self._plan.architecture, self._plan.seed)
        for shard in self._shards:
            shard.master.zero_()  # also the vocabulary's padding, which no box covers
        for index, shard in enumerate(self._shards):
            for box in self._boxes(index, shard):
                kind, _, name = box.key.partition("/")
                if kind == "weights":
                    box.tensor.copy_(weights.part(name, box.global_shape, box.offsets, tuple(box.tensor.shape)))
        self._copy_from_masters()

    def _boxes(self, index: int, shard: Any) -> Iterator[Box]:
        from orchestrator.engines.megatron.masters import boxes
        from orchestrator.engines.megatron.names import pieces

        name, first = self._names[shard.parameter]
        held = pieces(self._plan.architecture, self._rank, name, first)
        return boxes(shard, held, owned=self._owns(index, shard, name))

    def _owns(self, index: int, shard: Any, name: str) -> bool:
        """Whether this rank saves a shard, among those that hold the same."""
        layout, place = self._plan.layout, self._place
        if name.startswith("output_layer.") and self._plan.architecture.head.tied:
            return False  # the first stage's embedding is the one that is saved
        expert = not getattr(shard.parameter, "allreduce", True)
        if not expert and place.tensor > 0 and not getattr(shard.parameter, "tensor_model_parallel", False):
            return False
        if layout.zero == 1:
            return True
        # Replicas take turns.
        replica = place.expert_data if expert else place.data * layout.context + place.context
        replicas = layout.data * layout.context * layout.tensor // (layout.expert * layout.expert_tensor) if expert else layout.data * layout.context
        return index % replicas == replica

    def _copy_from_masters(self) -> None:
        """Makes the model's weights those of the masters, after something wrote into these. Collective."""
        for each in self._inner:
            if hasattr(each, "_copy_main_params_to_model_params"):
                each._copy_main_params_to_model_params()
        if self._plan.layout.zero == 1:
            for chunk in self._chunks:
                chunk.start_param_sync(force_sync=True)

    def _moved(self, batch: Batch) -> Batch:
        return {name: tensor.to(self._device, non_blocking=True) for name, tensor in batch.items()}


ENGINE = MegatronEngine
