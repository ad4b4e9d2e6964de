"""Which differences make another experiment: a change of the curve is convergence, of the layout execution."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import cli
from orchestrator.pages.section import Section
from orchestrator.spec import load_run
from orchestrator.spec.compare import diff, kind_of
from orchestrator.spec.run import RunSpec
from tests.bad_pages import GOOD

KINDS = {
    "model.layers=4": "convergence",
    "data.sequence_length=16": "convergence",
    "data.mixture=./other.yaml": "convergence",
    "training.batch.sequences=16": "convergence",
    "training.optimizer.lr=1e-2": "convergence",
    "training.schedule.warmup=9": "convergence",
    "training.precision=bf16": "convergence",
    "training.seed=1": "convergence",
    "training.z_loss=1e-4": "convergence",
    "training.steps=40": "length",
    "parallelism.data=4": "execution",
    "parallelism.recompute=full": "execution",
    "checkpoint.every=5": "execution",
    "tracking.wandb=null": "execution",
    "recovery.max_restarts=1": "execution",
    "training.validation.every=5": "execution",
    "system=Other": "description",
    "published=null": "description",
}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "page.yaml").write_text(GOOD)
    return tmp_path / "page.yaml"


@pytest.mark.parametrize("override", KINDS)
def test_the_kind_of_a_difference(override: str, page: Path) -> None:
    found = diff(load_run(page).spec, load_run(page, override).spec)
    assert found
    assert {difference.kind for difference in found} == {KINDS[override]}


def test_nothing_differs_from_itself(page: Path) -> None:
    assert diff(load_run(page).spec, load_run(page).spec) == ()


def test_a_default_that_is_said_is_no_difference(page: Path) -> None:
    assert diff(load_run(page).spec, load_run(page, "training.seed=42 checkpoint.keep_last=3").spec) == ()


def test_what_nobody_classified_is_convergence() -> None:
    """A new key must not be taken for harmless by being forgotten."""
    assert kind_of("something.new") == "convergence"


def test_every_section_of_a_page_has_been_thought_of() -> None:
    assert set(RunSpec[Section].model_fields) == {
        "system", "paper", "published", "model", "data", "training", "parallelism", "checkpoint", "tracking", "recovery",
    }  # fmt: skip


def test_the_verb_prints_both_values(page: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.yaml").write_text(GOOD.replace("lr: 1e-3", "lr: 2e-3").replace("data: 2}", "data: 4}"))
    assert cli.main(["diff", str(page), str(tmp_path / "other.yaml")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "convergence training.optimizer.lr: 0.001 -> 0.002",
        "execution   parallelism.data: 2 -> 4",
    ]
