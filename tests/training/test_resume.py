"""Which changes a resume takes, which it refuses, and in which words."""

from __future__ import annotations

import pytest

from orchestrator.errors import CommandError
from orchestrator.planning import make_plan
from orchestrator.spec import load_cluster, load_run
from orchestrator.training.checkpoint.manifest import Manifest
from orchestrator.training.resume import convergence_fingerprint, require_same_experiment, schedule_facts
from tests.training.runs import Site


def plan(site: Site, *overrides: str):
    loaded = load_run(site.folder / "page.yaml", overrides)
    return make_plan(loaded.spec, load_cluster(site.folder / "cluster.yaml").spec)


def manifest(site: Site, *overrides: str) -> Manifest:
    made = plan(site, *overrides)
    return Manifest(
        step=4, files=(), layout={}, position={}, scalars={}, random={}, schedule=schedule_facts(made),
        spec=made.spec.model_dump(mode="json"), spec_fingerprint=convergence_fingerprint(made.spec), data_fingerprint="",
    )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    ["parallelism.data=2", "parallelism.zero=3", "checkpoint.keep_last=1", "tracking.wandb=null", "training.validation=null"],
)
def test_execution_may_change(site: Site, change: str) -> None:
    require_same_experiment(manifest(site), plan(site, change))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("training.optimizer.lr=1e-3", "training.optimizer.lr: was 0.003, now 0.001"),
        ("training.seed=8", "training.seed"),
        ("model.layers=3", "model.layers"),
        ("data.sequence_length=16", "data.sequence_length"),
        ("training.batch.sequences=16", "training.batch.sequences"),
    ],
)
def test_convergence_may_not_unless_it_is_meant(site: Site, change: str, named: str) -> None:
    with pytest.raises(CommandError, match=named) as raised:
        require_same_experiment(manifest(site), plan(site, change))
    assert f'ACCEPT="{change.partition("=")[0]}"' in str(raised.value)
    require_same_experiment(manifest(site), plan(site, change), [change.partition("=")[0]])


def test_training_longer_is_refused_when_it_moves_the_decay(site: Site) -> None:
    with pytest.raises(CommandError, match="cosine schedule ends with the run"):
        require_same_experiment(manifest(site), plan(site, "training.steps=20"))


def test_training_longer_is_the_same_experiment_when_the_decay_is_said(site: Site) -> None:
    said = "training.schedule.decay='12 steps'"
    require_same_experiment(manifest(site, said), plan(site, said, "training.steps=20"))


def test_nothing_left_to_train(site: Site) -> None:
    with pytest.raises(CommandError, match="nothing left"):
        require_same_experiment(manifest(site), plan(site, "training.steps=4"))
