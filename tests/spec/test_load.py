"""Files and overrides become specs; a spec holds what was said and is never changed afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestrator.errors import PageError, PlanError, Problem
from orchestrator.pages import read_page_tree
from orchestrator.spec import load_cluster, load_run
from orchestrator.spec.load import placed
from orchestrator.spec.training import Adafactor, AdamW
from orchestrator.units import Amount
from tests.bad_pages import CLUSTER, GOOD


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "page.yaml").write_text(GOOD)
    return tmp_path / "page.yaml"


def test_a_page_is_what_it_says(page: Path) -> None:
    loaded = load_run(page)
    assert loaded.text == GOOD
    assert loaded.spec.model.layers == 2
    assert loaded.spec.training.optimizer == AdamW(name="adamw", lr=1e-3, betas=(0.9, 0.95))
    assert loaded.spec.training.schedule.warmup == Amount(5, "steps")
    assert loaded.spec.parallelism.data == 2
    assert loaded.spec.parallelism.micro_batch is None


def test_numbers_with_units(page: Path) -> None:
    spec = load_run(page, ["model.vocab_size=32K", "training.tokens=366B", "checkpoint.every='10M tokens'", "training.batch.sequences=2_048"]).spec
    assert (spec.model.vocab_size, spec.training.tokens) == (32_000, 366_000_000_000)
    assert spec.checkpoint.every == Amount(10_000_000, "tokens")
    assert spec.training.batch.sequences == 2048


def test_a_spec_cannot_be_changed(page: Path) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_run(page).spec.training.seed = 3


class TestOverrides:
    def test_they_act_in_their_order_and_the_last_one_wins(self, page: Path) -> None:
        assert load_run(page, "training.seed=1 training.seed=2").spec.training.seed == 2

    def test_one_of_two_alternatives_takes_the_place_of_the_other(self, page: Path) -> None:
        training = load_run(page, "training.tokens=1M").spec.training
        assert (training.tokens, training.steps) == (1_000_000, None)

    def test_an_automatic_section_takes_keys(self, page: Path) -> None:
        page.write_text(GOOD.replace("parallelism: {engine: deepspeed, data: 2}", "parallelism: auto"))
        assert load_run(page, "parallelism.zero=3").spec.parallelism.zero == 3
        assert load_run(page, "parallelism.zero=auto").spec.parallelism.zero is None

    def test_a_section_that_was_not_said_is_begun(self, page: Path) -> None:
        assert load_run(page, "recovery.max_restarts=2").spec.recovery.max_restarts == 2
        assert load_run(page, "training.validation.every=5").spec.training.validation.every == Amount(5, "steps")

    def test_a_whole_section_is_replaced(self, page: Path) -> None:
        spec = load_run(page, ["'training.optimizer={name: adafactor, lr: 1e-2}'"]).spec
        assert spec.training.optimizer == Adafactor(name="adafactor", lr=1e-2)

    def test_null_takes_a_value_away(self, page: Path) -> None:
        assert load_run(page, "tracking.wandb=null").spec.tracking.wandb is None

    def test_the_page_itself_stays(self, page: Path) -> None:
        loaded = load_run(page, "training.seed=9")
        assert (loaded.text, page.read_text()) == (GOOD, GOOD)


def test_a_complaint_stands_in_the_page_that_says_the_key(page: Path, tmp_path: Path) -> None:
    """An unknown accelerator was reported on line 1 of the run page."""
    (tmp_path / "cluster.yaml").write_text(CLUSTER)
    run, cluster = read_page_tree(page), load_cluster(tmp_path / "cluster.yaml").page
    problems = [Problem(path="node.accelerator", message="a"), Problem(path="training.batch.sequences", message="b"), Problem(path="parallelism.zero", message="c")]
    found = placed(PlanError(problems), run, cluster).problems
    assert [(Path(problem.file).name, problem.line) for problem in found] == [("cluster.yaml", 3), ("page.yaml", 14), ("page.yaml", 21)]


def test_the_kind_of_error_is_kept(page: Path) -> None:
    assert type(placed(PageError([Problem(path="data", message="x")]), read_page_tree(page))) is PageError
