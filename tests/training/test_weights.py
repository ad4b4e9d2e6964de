"""Weights that move: trained by Megatron in parts, exported, loaded by transformers, and taken up again by any engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.parity import Case, megatron
from orchestrator.errors import CommandError
from orchestrator.training.checkpoint.huggingface import fill_weights
from orchestrator.training.export import export
from orchestrator.training.rundir import RunDir
from orchestrator.training.worker import train
from tests.distributed import run_distributed
from tests.engines.test_state import assembled, owned
from tests.plans import MODELS
from tests.training.runs import Site, losses
from tests.training.test_export import TOKENS, trained_logits

SPLIT = "parallelism.engine=megatron parallelism.tensor=2 parallelism.pipeline=2 parallelism.micro_batch=1 training.steps=3"


@pytest.fixture(scope="module", params=MODELS)
def trained(request: pytest.FixtureRequest, site: Site, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, RunDir, Path]:
    """A family, a run of it on TP2 x PP2, and its export."""
    family = request.param
    run = site.start(f"split-{family}", SPLIT, family=family)
    assert run_distributed(train, 4, str(run.path))[0]["outcome"] == "finished"
    out = tmp_path_factory.mktemp(family) / "out"
    export(run, out)
    return family, run, out


def test_transformers_computes_the_logits_of_what_was_trained_in_parts(trained: tuple[str, RunDir, Path]) -> None:
    from transformers import AutoModelForCausalLM

    _, run, out = trained
    model = AutoModelForCausalLM.from_pretrained(out)
    with torch.no_grad():
        assert (model(input_ids=TOKENS).logits - trained_logits(run)).abs().max() <= 1e-5


def taken_up(case: Case, folder: str) -> list[Any]:
    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device

    plan = case.plan(1, {"model": {"vocab_size": 320}})
    engine = make_engine(case.engine)
    engine.build(plan, Device(kind="cpu"))
    state = engine.state()
    fill_weights(state, Path(folder), plan.architecture)
    engine.restore(state)
    pieces = [piece for piece in owned(engine) if piece[0].startswith("weights/")]
    engine.close()
    return pieces


@pytest.mark.parametrize("case", [Case(workers=2, zero=3), megatron(workers=4, tensor=2, pipeline=2)], ids=str)
def test_any_engine_takes_up_an_exported_folder_bit_for_bit(case: Case, trained: tuple[str, RunDir, Path]) -> None:
    from dataclasses import replace

    from transformers import AutoModelForCausalLM

    family, _, out = trained
    pieces = run_distributed(taken_up, case.workers, replace(case, family=family), str(out))
    expected = dict(AutoModelForCausalLM.from_pretrained(out).named_parameters())
    found = assembled(pieces)
    assert {key.removeprefix("weights/") for key in found} == set(expected)
    for key, array in found.items():
        assert np.array_equal(array, expected[key.removeprefix("weights/")].detach().numpy()), key


def test_a_run_begins_with_the_weights_its_page_names(trained: tuple[str, RunDir, Path], site: Site) -> None:
    """It goes on where the other ended: a lower first loss than that of weights drawn anew."""
    family, run, out = trained
    again = site.start(f"from-{family}", SPLIT, f"training.initial_weights={out}", "training.steps=1", family=family)
    assert run_distributed(train, 4, str(again.path))[0]["outcome"] == "finished"
    assert losses(again)[0] < losses(run)[0] - 0.05


def test_a_folder_of_another_model_is_refused(site: Site, tmp_path: Path) -> None:
    run = site.start("from-nowhere", SPLIT, f"training.initial_weights={tmp_path}")
    for answer in run_distributed(train, 4, str(run.path)):
        assert answer["exit_code"] == CommandError.exit_code
        assert "holds neither model.safetensors nor" in answer["message"]


def test_a_model_that_transformers_has_not_is_not_exported_as_another(site: Site, tmp_path: Path) -> None:
    run = site.start(
        "sigmoid", "parallelism.engine=megatron parallelism.data=2 parallelism.expert=2 parallelism.micro_batch=1",
        "model.router_scores=sigmoid model.balance_loss=0 model.router_bias_rate=0.001 training.steps=2", family="mixtral",
    )  # fmt: skip
    assert run_distributed(train, 2, str(run.path))[0]["outcome"] == "finished"
    with pytest.raises(CommandError, match=r"MixtralForCausalLM has no Router.bias_rate, Router.scores=sigmoid"):
        export(run, tmp_path / "out")
