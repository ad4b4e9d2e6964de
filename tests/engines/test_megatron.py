"""The Megatron engine as a whole: it is transformers' model, whatever the layout, and each thing that breaks it is seen."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.parity import (
    BROKEN,
    CONDITIONS,
    EXPERT,
    MEGATRON,
    REFERENCE,
    Case,
    Curve,
    Sabotage,
    compare,
    curve_of,
    megatron,
    micro_batches,
)
from tests.distributed import run_distributed
from tests.plans import MODELS

STEPS = 4
_REFERENCES: dict[str, Curve] = {}


def sections(**more: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The conditions of `make parity` with some keys replaced."""
    return {name: {**CONDITIONS.get(name, {}), **more.get(name, {})} for name in {**CONDITIONS, **more}}


def reference(family: str, **more: dict[str, Any]) -> Curve:
    key = family + repr(more)
    if key not in _REFERENCES:
        _REFERENCES[key] = curve_of(replace(REFERENCE, family=family), steps=STEPS, **sections(**more))
    return _REFERENCES[key]


def assert_parity(case: Case, **more: dict[str, Any]) -> None:
    difference = compare(curve_of(case, steps=STEPS, **sections(**more)), reference(case.family, **more))
    assert difference.passes, difference


@pytest.mark.parametrize("family", MODELS)
@pytest.mark.parametrize("case", [*MEGATRON, *EXPERT], ids=str)
def test_every_layout_of_every_family(case: Case, family: str) -> None:
    if case.expert > 1 and "experts" not in MODELS[family]:
        return
    assert_parity(replace(case, family=family))


@pytest.mark.parametrize(("case", "sabotage"), BROKEN, ids=lambda each: getattr(each, "__name__", str(each)))
def test_a_broken_engine_is_seen(case: Case, sabotage: Sabotage) -> None:
    broken = curve_of(case, steps=STEPS, sabotage=sabotage, **CONDITIONS)
    assert not compare(broken, reference(case.family)).passes


@pytest.mark.parametrize(
    "case",
    [
        megatron(workers=4, tensor=4, family="bloom"),
        megatron(workers=4, tensor=2, context=2, sequence_parallel=True),
        megatron(workers=4, pipeline=2, context=2, family="bloom"),
        megatron(workers=4, context=4, family="mixtral"),
        megatron(workers=4, tensor=2, expert=4, expert_tensor=1, sequence_parallel=True, family="mixtral"),
        megatron(workers=4, tensor=2, expert=2, family="mixtral"),
        replace(megatron(workers=4, tensor=2, family="mixtral", expert=2), zero=0),
        replace(megatron(workers=2), zero=0),
    ],
    ids=str,
)
def test_other_products(case: Case) -> None:
    assert_parity(case)


@pytest.mark.parametrize("recompute", ["selective", "full"])
@pytest.mark.parametrize("family", ["bloom", "mixtral"])
def test_recomputation(family: str, recompute: str) -> None:
    case = megatron(workers=4, tensor=2, pipeline=2, sequence_parallel=True, recompute=recompute, family=family)
    assert_parity(case)


@pytest.mark.parametrize("case", [megatron(workers=2, tensor=2), megatron(workers=4, pipeline=4, virtual=2)], ids=str)
def test_tied_embeddings(case: Case) -> None:
    assert_parity(case, model={"tie_embeddings": True})


def test_z_loss_of_logits_in_parts() -> None:
    assert_parity(megatron(workers=4, tensor=2, context=2), training={"z_loss": 1e-3})


def test_accumulation_may_change_from_step_to_step() -> None:
    """Batch-size ramp-up: 2, 4, 6 and 6 sequences."""
    ramp = {"batch": {"sequences": 6, "ramp_up": {"start": 2, "step": 2, "samples": 4}}}
    expected = curve_of(Case(engine="reference", micro_batch=1), steps=STEPS, **sections(training=ramp))
    case = megatron(workers=4, tensor=2, pipeline=2)
    difference = compare(curve_of(case, steps=STEPS, **sections(training=ramp)), expected)
    assert difference.passes, difference


@pytest.mark.parametrize("case", [megatron(workers=4, tensor=2), megatron(workers=2, pipeline=2)], ids=str)
def test_bf16_means_the_same(case: Case) -> None:
    """bf16 weights and fp32 masters, accumulation and reduction; other kernels round other last digits."""
    more = {"training": {"precision": "bf16"}}
    difference = compare(curve_of(case, steps=STEPS, **sections(**more)), reference("llama", **more))
    assert difference.loss <= 5e-3
    assert difference.grad_norm <= 2e-2


Weights = dict[str, np.ndarray]
IDS = [[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8], [2, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5]]


def random_module(architecture: Any) -> tuple[Weights, np.ndarray]:
    """The weights of a `transformers` module as its own library draws them, and its logits."""
    import torch
    import transformers

    torch.manual_seed(1)
    named = architecture.huggingface
    config = getattr(transformers, named.config_class)(**{**named.config, "initializer_range": 0.2})
    module = getattr(transformers, named.model_class)(config).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() < 2:  # norms and biases begin as ones and zeros, which would hide a mix-up
                parameter.normal_(1.0, 0.2)
        logits = module(input_ids=torch.tensor(IDS), use_cache=False).logits
    return {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}, logits.numpy()


def logits_of(case: Case, weights: Weights, model: dict[str, Any]) -> np.ndarray:
    """The logits of an engine whose weights were filled from a module's."""
    import torch

    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device

    engine = make_engine(case.engine)
    engine.build(case.plan(1, {"model": model}), Device(kind="cpu"))
    state = engine.state()
    for box in state.boxes:
        kind, _, name = box.key.partition("/")
        if kind == "weights":
            index = tuple(slice(first, first + size) for first, size in zip(box.offsets, box.tensor.shape, strict=True))
            box.tensor.copy_(torch.from_numpy(weights[name][index]))
    engine.restore(state)
    logits = engine.module(input_ids=torch.tensor(IDS)).logits.numpy()
    engine.close()
    return logits


@pytest.mark.parametrize("tensor", [1, 2, 4])
@pytest.mark.parametrize("family", MODELS)
def test_logits_are_those_of_the_imported_transformers_module(family: str, tensor: int) -> None:
    model = {"kv_heads": 4, "heads": 8} if "kv_heads" in MODELS[family] and tensor == 4 else {}
    case = megatron(workers=tensor, tensor=tensor, family=family)
    weights, expected = random_module(case.plan(1, {"model": model}).architecture)
    assert np.abs(expected).max() > 0.5
    for logits in run_distributed(logits_of, tensor, case, weights, model):
        assert np.abs(logits - expected).max() <= 1e-5


ALONE = """
from orchestrator.engines import make_engine
from orchestrator.engines.base import Device
from benchmarks.parity import megatron, micro_batches
from dataclasses import replace
from torch import distributed
for precision in ("bf16", "fp32"):
    case = megatron(workers=1, family="mixtral")
    plan = case.plan(2, {"training": {"precision": precision}})
    engine = make_engine("megatron")
    engine.build(plan, Device(kind="cpu"))
    engine.train_step(micro_batches(plan, engine.objective, 1, 0), lr=1e-3)
    engine.close()
    assert not distributed.is_initialized()
"""


def test_alone_it_makes_its_own_process_group_and_leaves_cleanly_and_quietly() -> None:
    """megatron-core warns, at import and at each layer, of libraries that are not there."""
    result = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def threads_after(case: Case, times: int) -> int:
    """Threads of gloo in this process after building and closing the engine so many times."""
    from pathlib import Path

    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device

    plan = case.plan(1, {})
    for _ in range(times):
        engine = make_engine("megatron")
        engine.build(plan, Device(kind="cpu"))
        engine.train_step(micro_batches(plan, engine.objective, 1, 0), lr=1e-3)
        engine.close()
    return sum("gloo" in (task / "comm").read_text() for task in Path("/proc/self/task").iterdir())


@pytest.mark.parametrize("family", ["llama", "mixtral"])
def test_closing_ends_the_threads_of_its_process_groups(family: str) -> None:
    """Each gloo group has three threads; core remembers groups in caches, and a hundred of them slowed a machine down."""
    case = megatron(workers=4, tensor=2, pipeline=2, family=family)
    once = run_distributed(threads_after, 4, case, 1)
    assert run_distributed(threads_after, 4, case, 2) == once


def step_on_documents(case: Case, packed: bool) -> tuple[float, float]:
    """Loss and gradient norm of one step on pairs of documents: packed into rows and told apart, or in rows of their own."""
    import torch

    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device

    plan = case.plan(1, {})
    engine = make_engine(case.engine)
    engine.build(plan, Device(kind="cpu"))
    half = plan.sequence_length // 2
    tokens = torch.arange(4 * (half + 1)).view(2, 2, half + 1).pow(2) % 251
    batch = {"input_ids": tokens[..., :-1], "labels": tokens[..., 1:]}
    batch = {name: part.reshape(2, 2 * half) if packed else part.reshape(4, half) for name, part in batch.items()}
    if packed:
        batch["documents"] = torch.arange(2).repeat_interleave(half).expand(2, -1)
    report = engine.train_step([batch], lr=1e-3)
    engine.close()
    return report.loss, report.grad_norm


@pytest.mark.parametrize("family", ["llama", "bloom"])
@pytest.mark.parametrize("degrees", [{"tensor": 2}, {"context": 2}, {"pipeline": 2, "recompute": "full"}], ids=str)
def test_documents_packed_into_one_row_do_not_see_each_other(family: str, degrees: dict[str, Any]) -> None:
    """Rotary positions and ALiBi depend on distances only, so where in the row a document stands changes nothing."""
    [expected] = run_distributed(step_on_documents, 1, replace(REFERENCE, family=family), False)
    for found in run_distributed(step_on_documents, 2, megatron(workers=2, family=family, **degrees), True):
        assert found == pytest.approx(expected, rel=1e-5)
