"""The worker without Ray: torchrun's ranks take a run's folder on, wherever the command that made it stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.training.__main__ import main
from orchestrator.training.rundir import RunDir
from tests.training.runs import Site, events, losses

ROOT = Path(__file__).resolve().parents[2]


def torchrun(ranks: int, run: RunDir, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    return subprocess.run(
        [*command, "-m", "orchestrator.training", str(run.path), *more], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_ranks_of_torchrun_train_to_the_step_that_is_said(site: Site) -> None:
    """The folder was made with `--until 1`: that was said of that launch, and once kept torchrun from any step at all."""
    run = site.start("torchrun", "parallelism.engine=deepspeed parallelism.data=2 training.validation=null", until=1)
    ended = torchrun(2, run, "--until", "3")
    assert ended.returncode == 0, ended.stderr
    assert len(losses(run)) == 3
    assert "paused     step 3" in ended.stderr
    [placed] = events(run, "placed")
    assert [host.partition(" ")[2] for host in placed["hosts"]] == ["(node 0)"] * 2


def test_a_gang_of_the_wrong_size_is_told_before_the_ranks_meet(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = site.start("wrong-size", "parallelism.engine=deepspeed parallelism.data=2")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert main([str(run.path)]) == 3
    assert "the gang has 3 ranks and the layout needs data 2" in capsys.readouterr().err


def test_a_folder_that_holds_no_run_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nothing")]) == 2
    assert "next: orchestrate train --run nothing --until 1" in capsys.readouterr().err
