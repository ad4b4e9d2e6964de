"""Samples that end in padding: whatever share of it a rank or micro-batch has, the loss is the mean over the step's targets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.parity import CONDITIONS, REFERENCE, Case, megatron, token_rows
from tests.distributed import run_distributed

FILLED = (33, 5, 33, 32, 2, 17, 1, 33)
"""Tokens of each sample: the first half, and every micro-batch, has another number of targets than the rest."""
TARGETS = sum(FILLED) - len(FILLED)


def step_of(case: Case, documents: bool, balanced: bool = True) -> list[float]:
    """On each rank: the loss and gradient norm of two steps on the same padded samples for every engine."""
    import torch

    from data_pipeline.loader import Samples
    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device
    from orchestrator.planning.mesh import coordinates
    from orchestrator.training.gang import Gang

    plan = case.plan(2, CONDITIONS)
    engine = make_engine(case.engine)
    engine.build(plan, Device(kind="cpu"))
    filled = torch.tensor(FILLED)
    padding = torch.arange(33) >= filled[:, None]
    halves = (torch.arange(33) >= filled[:, None] // 2).int() + padding.int() if documents else None
    samples = Samples(tokens=token_rows(0, 8, 32).masked_fill(padding, 0), documents=halves, filled=filled)
    share = 8 // plan.data
    first = coordinates(plan.layout, Gang().rank).data * share
    found = []
    for _ in range(2):
        scales = (8 * 32 / TARGETS for _ in range(8))
        parts = samples[first : first + share].split(plan.micro_batch)
        if not balanced:
            scales = (part.tokens[:, 1:].numel() / max(int((part.filled - 1).sum()), 1) for part in parts)
        batches = [
            engine.objective.collate(part.tokens, part.documents, part.weights(scale))
            for part, scale in zip(parts, scales, strict=False)
        ]
        report = engine.train_step(batches, lr=1e-3)
        found += [report.loss, report.grad_norm]
    engine.close()
    return found


LAYOUTS = [
    (Case(engine="deepspeed", workers=2, zero=1), True), (Case(engine="deepspeed", workers=2, zero=3, micro_batch=2), False),
    (megatron(workers=2), False), (megatron(workers=2, tensor=2, sequence_parallel=True), True),
    (megatron(workers=2, pipeline=2), False), (megatron(workers=2, context=2), True),
]  # fmt: skip


@pytest.mark.parametrize(("case", "documents"), LAYOUTS, ids=str)
def test_padded_samples_train_alike_on_every_layout(case: Case, documents: bool) -> None:
    [expected] = run_distributed(step_of, 1, replace(REFERENCE, micro_batch=8), documents)
    for found in run_distributed(step_of, 2, case, documents):
        assert found[::2] == pytest.approx(expected[::2], rel=0, abs=1e-5)
        assert found[1::2] == pytest.approx(expected[1::2], rel=1e-4)


def test_means_of_each_micro_batch_are_another_loss() -> None:
    """What a trainer gets that averages over the targets of a micro-batch, and then over micro-batches."""
    [expected] = run_distributed(step_of, 1, replace(REFERENCE, micro_batch=8), False)
    [uneven] = run_distributed(step_of, 1, replace(REFERENCE, micro_batch=2), False, False)
    assert abs(uneven[0] - expected[0]) > 1e-3


def loss_by_transformers() -> float:
    import torch

    from orchestrator.models.build import build_module, initialiser

    plan = REFERENCE.plan(2, CONDITIONS)
    module = build_module(plan.architecture, dtype=torch.float32, device=torch.device("cpu"))
    weights = initialiser(plan.architecture, plan.seed)
    for name, parameter in module.named_parameters():
        parameter.data.copy_(weights.whole(name, parameter.shape))
    tokens = token_rows(0, 8, 32)
    padding = torch.arange(33) >= torch.tensor(FILLED)[:, None]
    labels = tokens.masked_fill(padding, -100)
    return float(module(input_ids=tokens.masked_fill(padding, 0), labels=labels).loss)


def test_the_reference_has_the_loss_of_transformers_with_its_own_mark_for_padding() -> None:
    [expected] = run_distributed(loss_by_transformers, 1)
    [found] = run_distributed(step_of, 1, replace(REFERENCE, micro_batch=1), False)
    assert found[0] == pytest.approx(expected, rel=0, abs=1e-5)
