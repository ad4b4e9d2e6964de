"""The whole way, as a user goes it: a page, Ray, two workers, one of them killed, and the run ends by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.recovery import worker_pid
from orchestrator.training.rundir import RunDir, last_line, read_lines
from orchestrator.training.views.wandb_file import history
from tests.training.runs import Site, events, ledger_samples, losses

pytestmark = [pytest.mark.ray, pytest.mark.slow]
STEPS = 500


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(Path(tmp_path_factory.mktemp("end-to-end")))


def test_a_run_survives_the_death_of_a_worker(site: Site) -> None:
    run = RunDir(site.folder / "runs" / "killed")
    said = f"training.steps={STEPS} checkpoint.every=50 parallelism.data=2 training.validation.every=250"
    command = [
        sys.executable, "-m", "orchestrator.cli", "train", "--spec", str(site.folder / "page.yaml"),
        "--cluster", str(site.folder / "cluster.yaml"), "--runs", str(run.path.parent), "--data", str(site.folder / "data"),
        "--run", run.name, "--set", said,
    ]  # fmt: skip
    output = site.folder / "output"
    with output.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env={**os.environ, "WANDB_MODE": "offline"})
        killed = False
        while process.poll() is None:
            last = last_line(run.metrics)
            pid = worker_pid(run, 1) if last and last["step"] >= 60 and not killed else None
            if pid:
                os.kill(pid, signal.SIGKILL)
                killed = True
            time.sleep(0.005)
    said_to_user = output.read_text()
    assert process.returncode == 0, said_to_user
    assert killed
    assert len(events(run, "restarted")) == 1
    assert len(losses(run)) == STEPS
    assert ledger_samples(run) == list(range(STEPS * 8))
    logged = [step for path in run.path.glob("wandb/*run-*/run-*.wandb") for step, _ in history(path)]
    assert sorted(logged) == list(range(1, STEPS + 1))
    assert {record["attempt"] for record in read_lines(run.metrics)} == {1, 2}
    assert "the process died" in said_to_user
    assert f"finished   step {STEPS}" in said_to_user
    assert "Traceback" not in said_to_user
