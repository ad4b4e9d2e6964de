"""Views follow the files: every step once, over kills and attempts, whatever the network does."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.training.rundir import RunDir, append_line, read_lines
from orchestrator.training.views.follow import Follower
from orchestrator.training.views.progress import ProgressView
from orchestrator.training.views.wandb import run_id
from orchestrator.training.views.wandb_file import history
from orchestrator.training.worker import train
from tests.training.runs import Site


def record(step: int) -> dict[str, float]:
    return {"step": step, "tokens": step * 10, "loss": 5.0 - step, "step_time_s": 0.5, "tokens_per_s": 20.0, "mfu": 0.4}


def test_a_follower_waits_for_whole_lines(tmp_path: Path) -> None:
    follower = Follower(tmp_path / "log")
    assert follower.new() == []
    append_line(tmp_path / "log", {"a": 1})
    with (tmp_path / "log").open("a") as file:
        file.write('{"a":')
    assert follower.new() == [{"a": 1}]
    with (tmp_path / "log").open("a") as file:
        file.write("2}\n")
    assert follower.new() == [{"a": 2}]
    assert follower.new() == []


def test_progress_prints_plain_lines_where_there_is_no_terminal(tmp_path: Path) -> None:
    run, text = RunDir(tmp_path), io.StringIO()
    view = ProgressView(run, 4, Console(file=text, width=200))
    append_line(run.metrics, record(1))
    view.poll()
    append_line(run.metrics, record(2))
    view.poll()
    run.event("saved", step=2, bytes=2**20, seconds=0.5)
    append_line(run.metrics, record(4))
    view.close()
    assert text.getvalue().splitlines() == [
        "step      1/4  loss 4.0000  20 tok/s  0.5 s/step  MFU 40.0%  ETA 2s",
        "saved      step 2: 1.0 MiB in 0.5s",
        "step      4/4  loss 1.0000  20 tok/s  0.5 s/step  MFU 40.0%  ETA 0s",
    ]


def test_progress_draws_a_bar_on_a_terminal(tmp_path: Path) -> None:
    run, text = RunDir(tmp_path), io.StringIO()
    view = ProgressView(run, 4, Console(file=text, width=120, force_terminal=True))
    append_line(run.metrics, record(3))
    view.close()
    assert "step 3/4" in text.getvalue()
    assert "━" in text.getvalue()


def follow(run: RunDir, **environment: str) -> None:
    """Runs the W&B follower to the end, its standard input closed from the start."""
    subprocess.run(
        [sys.executable, "-m", "orchestrator.training.views.wandb", str(run.path)], stdin=subprocess.DEVNULL, check=True,
        env={**os.environ, "WANDB_MODE": "offline", **environment}, timeout=120,
    )  # fmt: skip


def logged(run: RunDir) -> list[tuple[int, dict[str, str]]]:
    """(step, values) of every history record in all W&B files of the run, in the order of attempts."""
    paths = sorted(run.path.glob("wandb/*run-*/run-*.wandb"), key=lambda path: path.stat().st_mtime)
    assert {path.name for path in paths} == {f"run-{run_id(run)}.wandb"}
    return [entry for path in paths for entry in history(path)]


@pytest.mark.slow
def test_wandb_holds_every_step_once_over_two_attempts(site: Site) -> None:
    run = site.start("tracked", "parallelism.engine=reference", until=5)
    train(str(run.path))
    follow(run)
    site.again(run)
    train(str(run.path))
    follow(run)
    follow(run)
    found = logged(run)
    assert [step for step, _ in found] == list(range(1, 13))
    truth = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    assert [json.loads(values["loss"]) for _, values in found] == [entry["loss"] for entry in truth]
    assert {step for step, values in found if "validation_loss" in values} == {6, 12}
    assert [json.loads(values["tokens"]) for _, values in found] == [entry["tokens"] for entry in truth]


MIXTURE_OF_EXPERTS = ("model.family=mixtral", "model.experts=4", "parallelism.engine=reference", "training.steps=2")


def test_metrics_hold_what_the_routers_of_each_layer_did(site: Site) -> None:
    run = site.start("routed", *MIXTURE_OF_EXPERTS)
    train(str(run.path))
    for entry in read_lines(run.metrics):
        moe = entry["moe"]
        assert set(moe) == {"load", "dropped", "balance_loss", "z_loss", "entropy"}
        assert all(len(layers) == 2 for layers in moe.values())
        assert [sum(shares) for shares in moe["load"]] == pytest.approx([1, 1], abs=1e-5)
        assert moe["dropped"] == [0, 0]
        assert all(0.02 <= loss < 4 * 0.02 for loss in moe["balance_loss"])
        assert all(0 < nats < 1.3863 for nats in moe["entropy"])


def test_a_dense_model_has_no_metrics_of_routers(site: Site) -> None:
    run = site.start("dense", "parallelism.engine=reference", "training.steps=1")
    train(str(run.path))
    assert all("moe" not in entry for entry in read_lines(run.metrics))


@pytest.mark.slow
def test_wandb_holds_the_load_of_each_expert(site: Site) -> None:
    run = site.start("tracked-mixture", *MIXTURE_OF_EXPERTS)
    train(str(run.path))
    follow(run)
    truth = list(read_lines(run.metrics))
    for (_, values), entry in zip(logged(run), truth, strict=True):
        routed = {name: json.loads(value) for name, value in values.items() if name.startswith("moe/")}
        assert "moe" not in values
        assert len(routed) == 2 * (4 + 4)
        for layer in (0, 1):
            key = f"moe/layer_{layer:02d}"
            assert [routed[f"{key}/load/expert_{expert}"] for expert in range(4)] == entry["moe"]["load"][layer]
            for name in ("dropped", "balance_loss", "z_loss", "entropy"):
                assert routed[f"{key}/{name}"] == entry["moe"][name][layer]
