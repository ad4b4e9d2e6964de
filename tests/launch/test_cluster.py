"""What `up`, `down` and `find` decide from a page and a state file, without starting Ray."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import CommandError, PlacementError
from orchestrator.launch import cluster, jobs
from orchestrator.launch.session import LONGEST_TEMP, free_port, is_free, short_temp_folder
from orchestrator.spec.cluster import ClusterSpec


def page(**changes: object) -> ClusterSpec:
    return ClusterSpec.model_validate({"nodes": 1, "node": {"accelerator": "cpu", "count": 2}, **changes})


def remember(states: Path, *, pid: int) -> Path:
    """A state file of a cluster `old` whose one process is `pid`, started at boot."""
    temp = short_temp_folder()
    record = {"name": "old", "address": "127.0.0.2:1", "dashboard": "http://127.0.0.1:1", "metrics": [], "temp": str(temp)}
    (states / "old.json").write_text(json.dumps({**record, "processes": [{"pid": pid, "started": 0}]}))
    return temp


def test_a_page_of_real_accelerators_is_not_imitated_here(tmp_path: Path) -> None:
    with pytest.raises(PlacementError, match=r"8 x 4 H100.*\n.*cluster/templates"):
        cluster.up(page(nodes=8, node={"accelerator": "H100", "count": 4}), name="big", states=tmp_path)


def test_a_page_with_an_address_is_not_started_from_here(tmp_path: Path) -> None:
    remote = page(ray={"address": "head:6379", "dashboard_port": 9000})
    with pytest.raises(CommandError, match="head:6379"):
        cluster.up(remote, name="remote", states=tmp_path)
    found = cluster.find(remote, name="remote", states=tmp_path)
    assert (found.address, found.dashboard) == ("head:6379", "http://head:9000")


def test_a_state_file_whose_processes_are_gone_is_no_cluster(tmp_path: Path) -> None:
    temp = remember(tmp_path, pid=2**22 - 1)
    with pytest.raises(CommandError, match=r"make up CLUSTER=cluster/old\.yaml"):
        cluster.find(page(), name="old", states=tmp_path)
    assert cluster.address_for(page(), name="old", states=tmp_path) is None
    cluster.down("old", states=tmp_path)
    assert not temp.exists()
    assert list(tmp_path.glob("*.json")) == []


def test_down_of_a_cluster_that_is_not_up_says_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cluster nope is not up"):
        cluster.down("nope", states=tmp_path)


def test_the_second_job_of_a_run_gets_a_number() -> None:
    assert jobs._free_id("run", []) == "run"
    assert jobs._free_id("run", ["run", "other"]) == "run-2"
    assert jobs._free_id("run", ["run-2", "run", "run-3"]) == "run-4"


def test_what_is_shipped_leaves_out_runs_data_and_git(tmp_path: Path) -> None:
    code = jobs.code_of(tmp_path, environment={"A": "1"})
    assert {"/.git/", "/runs/", "/data/", "/.venv/", "/wandb/"} <= set(code["excludes"])
    assert code["env_vars"] == {"RAY_JOB_STOP_WAIT_TIME_S": "300", "A": "1"}


def test_temp_folders_leave_room_for_unix_sockets() -> None:
    folder = short_temp_folder()
    assert len(str(folder)) <= LONGEST_TEMP
    folder.rmdir()


def test_a_free_port_is_free() -> None:
    assert is_free(free_port())
