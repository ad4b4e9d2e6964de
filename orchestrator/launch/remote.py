"""A run on a standing cluster: the same `train` command, submitted as a Ray job.

Everything that can be known here is checked here: the pages, the plan on that cluster, the run's name. The
data is prepared by the job, on the cluster's disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import CommandError
from orchestrator.launch import cluster as clusters
from orchestrator.launch import jobs
from orchestrator.launch.cluster import STATES, Standing
from orchestrator.launch.foreground import default_name
from orchestrator.launch.ground import ground
from orchestrator.launch.machine import this_machine
from orchestrator.launch.planned import plan_for
from orchestrator.planning.data import mixture_of
from orchestrator.spec import load_cluster, load_run
from orchestrator.training.create import require_free


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """A job on its way."""

    job: str
    run: str
    dashboard: str


def cluster_page(said: str | None, default: str) -> str:
    """The page that is meant: the one said, else that of the only cluster that stands, else the default."""
    if said:
        return said
    standing = [path.stem for path in sorted(STATES.glob("*.json"))]
    pages = [page for name in standing if (page := Path(default).parent / f"{name}.yaml").exists()]
    return str(pages[0]) if len(pages) == 1 else default


def standing_cluster(page: str) -> Standing:
    """The cluster of a page, which must be up."""
    loaded = load_cluster(page)
    return clusters.find(loaded.spec, name=loaded.name)


def submit(
    spec: str, page: str, overrides: Sequence[str], *, name: str | None, runs: Path, data: Path, root: Path, resume: bool = False
) -> Submitted:  # fmt: skip
    """Submits a run; returns its job. Raises before anything is sent for whatever is wrong with pages or plan."""
    loaded, hardware = load_run(spec, overrides), load_cluster(page)
    standing = clusters.find(hardware.spec, name=hardware.name)
    plan = plan_for(loaded, ground(hardware.spec, this_machine()), hardware)
    mixture_of(loaded)
    name = name or default_name(spec)
    require_free(runs, name)
    arguments = [
        "train", "--spec", _shipped(spec, root), "--cluster", _shipped(page, root), "--run", name,
        "--runs", str(runs.absolute()), "--data", str(data.absolute()), "--address", "auto",
        *(word for override in overrides if override for word in ("--set", override)),
    ]  # fmt: skip
    tracking = loaded.spec.tracking.wandb
    metadata = {
        "spec": spec,
        "system": loaded.spec.system or "",
        "plan": f"{plan.architecture.parameters:,} parameters, {plan.layout.engine} ZeRO {plan.layout.zero}, {plan.layout.product}",
        "wandb": f"project {tracking.project}; offline files in {runs.absolute() / name / 'wandb'}" if tracking else "off",
    }
    job = jobs.submit(standing, arguments=arguments, run=name, metadata=metadata, root=root)
    return Submitted(job=job, run=name, dashboard=standing.dashboard)


def chosen_job(standing: Standing, said: str | None, *, running: bool) -> str:
    """The job that is meant: the one said, else the newest (with `running`: the only one that runs)."""
    if said:
        return said
    found = [job for job in jobs.jobs(standing) if not (running and job.over)]
    if not found or (running and len(found) > 1):
        names = ", ".join(job.id for job in found) or "none"
        raise CommandError(f"which job? say JOB=... ({'running' if running else 'known'}: {names})")
    return found[0].id


def _shipped(page: str, root: Path) -> str:
    """A page's path as the job sees it: relative inside the code that is shipped, absolute elsewhere."""
    path = Path(page).absolute()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
