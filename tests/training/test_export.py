"""What is exported is what was trained: `transformers` loads it and computes the same logits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from orchestrator.engines import make_engine
from orchestrator.engines.base import Device
from orchestrator.errors import CheckpointError, CommandError
from orchestrator.planning import make_plan
from orchestrator.spec import ClusterSpec, load_run
from orchestrator.training.checkpoint.read import fill, newest_good
from orchestrator.training.export import export
from orchestrator.training.gang import Gang
from orchestrator.training.generate import generate
from orchestrator.training.rundir import RunDir
from orchestrator.training.worker import train
from tests.distributed import run_distributed
from tests.training.runs import Site

TOKENS = torch.arange(48).view(2, 24) * 5 % 300


@pytest.fixture(scope="module")
def trained(site: Site) -> RunDir:
    run = site.start("to-export", "parallelism.engine=deepspeed parallelism.data=2 parallelism.zero=3 training.steps=6")
    assert run_distributed(train, 2, str(run.path))[0]["outcome"] == "finished"
    return run


def trained_logits(run: RunDir) -> torch.Tensor:
    """Logits of the training engine itself, restored from the run's last checkpoint."""
    said = [*json.loads(run.execution.read_text())["overrides"], "parallelism.engine=reference parallelism.data=1 parallelism.zero=0 parallelism.tensor=1 parallelism.pipeline=1"]
    plan = make_plan(load_run(run.spec, said).spec, ClusterSpec.model_validate_json(run.hardware.read_text()), 1)
    engine = make_engine("reference")
    engine.build(plan, Device(kind="cpu"))
    manifest, _ = newest_good(run.checkpoints, Gang())
    assert manifest is not None
    state = engine.state()
    fill(state, manifest, run.checkpoints)
    engine.restore(state)
    engine.module.eval()
    with torch.no_grad():
        return engine.module(input_ids=TOKENS).logits


def test_transformers_computes_the_same_logits(trained: RunDir, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert export(trained, tmp_path / "out") == 6
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    with torch.no_grad():
        assert (model(input_ids=TOKENS).logits - trained_logits(trained)).abs().max() <= 1e-5
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    text = "def main(argument):\n    return [argument]\n"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_text_comes_from_a_run_and_from_its_export(trained: RunDir, tmp_path: Path) -> None:
    export(trained, tmp_path / "out")
    said = {"tokens": 8, "temperature": 0.0, "seed": 0}
    from_run = generate(trained, "import ", **said)
    assert from_run.startswith("import ")
    assert from_run == generate(tmp_path / "out", "import ", **said)


def test_a_folder_with_something_else_in_it_is_left_alone(trained: RunDir, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(CommandError, match="not empty"):
        export(trained, tmp_path)


def test_a_run_without_a_checkpoint_says_so(site: Site, tmp_path: Path) -> None:
    run = site.start("nothing-yet", "parallelism.engine=reference")
    with pytest.raises(CheckpointError, match="no good checkpoint"):
        export(run, tmp_path / "out")


SIZES = "layers: 2, hidden_size: 48, heads: 4, vocab_size: 320, max_positions: 64"
MODELS = {
    "gpt_neox": f"{{family: gpt_neox, {SIZES}, rotary_fraction: 0.5}}",
    "bloom": f"{{family: bloom, {SIZES}, vocab_multiple: 128}}",
    "mixtral": f"{{family: mixtral, {SIZES}, kv_heads: 2, ffn_size: 112, experts: 4}}",
}


@pytest.mark.parametrize("family", MODELS)
def test_every_family_is_exported_as_transformers_computes_it(family: str, site: Site, tmp_path: Path) -> None:
    """`transformers` stores the experts of a Mixtral one by one and stacks them again as it loads."""
    from transformers import AutoModelForCausalLM

    run = site.start(f"to-export-{family}", f"model='{MODELS[family]}' parallelism.engine=reference training.steps=2")
    train(str(run.path))
    assert export(run, tmp_path / "out") == 2
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    with torch.no_grad():
        assert (model(input_ids=TOKENS).logits - trained_logits(run)).abs().max() <= 1e-5
