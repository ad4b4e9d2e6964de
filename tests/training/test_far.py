"""A run may read prepared data where it lies, and takes the same steps as one that has it in a folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from data_pipeline.stored import storage
from orchestrator.errors import CommandError, PageError
from orchestrator.launch.foreground import _prepare
from orchestrator.planning import make_plan
from orchestrator.spec import load_run
from orchestrator.training.checkpoint.manifest import find
from orchestrator.training.create import write_execution
from orchestrator.training.lineage import feed_of, where
from orchestrator.training.resume import require_same_experiment
from orchestrator.training.rundir import RunDir
from orchestrator.training.worker import train
from tests.plans import tiny_plan
from tests.training.runs import Site, losses

REFERENCE = "parallelism.engine=reference"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "default_cache", lambda: tmp_path / "blocks")


def test_a_run_on_far_data_takes_the_steps_of_one_on_a_folder(site: Site) -> None:
    for name, data in (("near", str(site.prepared.folder)), ("far", site.prepared.folder.as_uri())):
        run = site.start(name, REFERENCE, until=6)
        write_execution(run, data=data, overrides=[REFERENCE], until=6, accepted=())
        assert json.loads(run.execution.read_text())["data"] == data
        assert train(str(run.path))["outcome"] == "paused"
    near, far = (RunDir(site.folder / "runs" / name) for name in ("near", "far"))
    assert near.ledger.read_bytes() == far.ledger.read_bytes()
    assert losses(near) == losses(far)
    assert where(feed_of(far), 3).on_record


def prepared_by(site: Site, tmp_path: Path, *overrides: str) -> None:
    loaded = load_run(site.folder / "page.yaml", overrides)
    _prepare(loaded, tiny_plan(model={"vocab_size": 320}), tmp_path / "nothing", Console(quiet=True))


def test_a_page_may_name_data_that_is_prepared_and_it_must_be_of_its_mixture(site: Site, tmp_path: Path) -> None:
    prepared_by(site, tmp_path, f"data.prepared={site.prepared.folder.as_uri()}")
    prepared_by(site, tmp_path, f"data.prepared={site.prepared.folder}")
    assert not (tmp_path / "nothing").exists()
    with pytest.raises(PageError, match=r"data.prepared: holds mixture 'mixture', and data.mixture is 'python'"):
        prepared_by(site, tmp_path, f"data.prepared={site.prepared.folder}", "data.mixture=python")


def test_a_run_in_megatrons_order_may_not_be_lengthened_unless_that_is_meant(site: Site) -> None:
    order = "data.order=megatron"
    run = site.start("lengthened", REFERENCE, order, "training.schedule.name=constant", until=4)
    assert train(str(run.path))["outcome"] == "paused"
    [saved] = find(run.checkpoints).good
    spec = load_run(site.folder / "page.yaml", [REFERENCE, order, "training.schedule.name=constant", "training.steps=24"]).spec
    longer = make_plan(spec, tiny_plan().cluster, 1)
    with pytest.raises(CommandError, match=r"training.steps: was 12, now 24, and data.order megatron shuffles all samples anew"):
        require_same_experiment(saved, longer)
    require_same_experiment(saved, longer, ["training.steps"])
    own = replace(longer, spec=spec.model_copy(update={"data": spec.data.model_copy(update={"order": None})}))
    with pytest.raises(CommandError, match=r"data.order: was 'megatron', now None"):
        require_same_experiment(saved, own)
