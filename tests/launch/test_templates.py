"""The launch templates are what the tools that read them expect, and carry the settings that a stop needs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

TEMPLATES = Path(__file__).parent.parent.parent / "cluster" / "templates"


@pytest.mark.filterwarnings("ignore")
def test_the_ray_launcher_accepts_its_template() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(yaml.safe_load((TEMPLATES / "ray-launcher.yaml").read_text())))


def test_the_kuberay_template_is_a_ray_cluster_whose_groups_share_a_folder() -> None:
    page = yaml.safe_load((TEMPLATES / "kuberay.yaml").read_text())
    assert (page["apiVersion"], page["kind"]) == ("ray.io/v1", "RayCluster")
    groups = [page["spec"]["headGroupSpec"], *page["spec"]["workerGroupSpecs"]]
    for group in groups:
        pod = group["template"]["spec"]
        mounted = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_the_slurm_template_is_valid_bash() -> None:
    subprocess.run(["bash", "-n", TEMPLATES / "slurm.sbatch"], check=True)


@pytest.mark.parametrize("name", ["ray-launcher.yaml", "kuberay.yaml", "slurm.sbatch"])
def test_every_template_lets_a_stopped_job_save(name: str) -> None:
    text = (TEMPLATES / name).read_text()
    assert "RAY_JOB_STOP_WAIT_TIME_S" in text
    assert "RAY_process_group_cleanup_enabled" in text
