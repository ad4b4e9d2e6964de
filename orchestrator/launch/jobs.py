"""Runs that go on without a terminal: Ray Jobs.

`submit` ships the project's code (not `.git`, not the runs, not the data) and starts the same `train`
command on the cluster's head; the dashboard shows the job with what it trains. `stop` sends SIGTERM, on
which the command saves a checkpoint; Ray waits for it (see `cluster.STOP_WAIT_S`).

The run folder is made by the job, on the cluster's disk: the client's disk need not be shared. What the
cluster's own nodes share is the folder of runs, where checkpoints lie.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import CommandError
from orchestrator.launch.cluster import STOP_WAIT_S, Standing
from orchestrator.launch.session import use_token
from orchestrator.registry import unknown

ROOT = Path(__file__).resolve().parent.parent.parent  # the folder of the code, which a standing cluster is sent
Printer = Callable[[str], None]

# What a working copy holds beside its code, in the syntax of .gitignore.
NOT_SHIPPED = (
    "/.git/", "/.venv/", "/.clusters/", "/.ci/", "/runs/", "/data/", "/wandb/", "/exports/", "*.egg-info/",
    "__pycache__/", ".mypy_cache/", ".ruff_cache/", ".pytest_cache/", "*.safetensors", "*.distcp", "*.bin", "*.idx",
)  # fmt: skip
OVER = ("SUCCEEDED", "FAILED", "STOPPED")
POLL_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job as Ray knows it. Times in seconds since the epoch, 0.0 where not reached."""

    id: str
    status: str
    metadata: Mapping[str, str]
    message: str = ""
    started: float = 0.0
    ended: float = 0.0

    @property
    def over(self) -> bool:
        return self.status in OVER


def submit(
    standing: Standing,
    *,
    arguments: Sequence[str],
    run: str,
    metadata: Mapping[str, str],
    root: Path,
    environment: Mapping[str, str] | None = None,
    module: str = "orchestrator.cli",
) -> str:
    """Start `python -m MODULE ARGUMENTS` as a job on `standing`; returns its id.

    `root`: the project's folder, which becomes the job's working directory (paths in `arguments` are
    relative to it, or absolute and valid on the cluster). `metadata`: what the dashboard shows.
    """
    with _client(standing) as client:
        return str(
            client.submit_job(
                entrypoint=shlex.join(["python", "-m", module, *arguments]),
                submission_id=_free_id(run, [job.id for job in _all(client)]),
                runtime_env=code_of(root, environment=environment),
                metadata={"run": run, **metadata},
            )
        )


def code_of(root: Path = ROOT, *, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The runtime environment that carries the code under `root`, this project, to every node, once per content."""
    return {
        "working_dir": str(root),
        "excludes": list(NOT_SHIPPED),
        "env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_WAIT_S), **(environment or {})},
    }


def jobs(standing: Standing) -> list[Job]:
    """All submitted jobs, the newest first."""
    with _client(standing) as client:
        return sorted(_all(client), key=lambda job: -job.started)


def get(standing: Standing, job: str) -> Job:
    """One job. CommandError naming the known ones when there is none of that id."""
    known = {found.id: found for found in jobs(standing)}
    if job not in known:
        hint = unknown("job", job, tuple(known)) if known else f"no job {job!r}: cluster {standing.name} has no job yet"
        raise CommandError(f"{hint}\n  next: make jobs")
    return known[job]


def logs(standing: Standing, job: str, *, follow: bool = True) -> Iterator[str]:
    """The job's output in pieces, to its end; with `follow`, as it comes until the job is over."""
    found = get(standing, job)
    with _client(standing) as client:
        shown = 0
        while True:
            over = found.over
            text = str(client.get_job_logs(job))
            if len(text) > shown:
                yield text[shown:]
                shown = len(text)
            if over or not follow:
                return
            time.sleep(POLL_S)
            found = _job(client.get_job_info(job))


def stop(standing: Standing, job: str, *, say: Printer = print, patience_s: float = STOP_WAIT_S + 10) -> Job:
    """Ask a job to stop and wait until it has; it saves a checkpoint first."""
    found = get(standing, job)
    if found.over:
        say(f"job        {job} is over already: {found.status}")
        return found
    with _client(standing) as client:
        client.stop_job(job)
        say(f"job        {job} is asked to stop; it saves a checkpoint first")
        begun = time.monotonic()
        while not found.over:
            if time.monotonic() - begun > patience_s:
                raise CommandError(f"job {job} has not stopped within {patience_s:.0f} s\n  next: make logs JOB={job}")
            time.sleep(POLL_S)
            found = _job(client.get_job_info(job))
    say(f"job        {job}: {found.status} after {time.monotonic() - begun:.0f} s")
    return found


@contextlib.contextmanager
def _client(standing: Standing) -> Iterator[Any]:
    """A client of the cluster's dashboard. RAY_ADDRESS would override the address that we know."""
    hidden = {name: os.environ.pop(name) for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS") if name in os.environ}
    try:
        from ray.job_submission import JobSubmissionClient

        for handler in logging.getLogger("ray").handlers:
            handler.setLevel(logging.ERROR)
        use_token()
        try:
            yield JobSubmissionClient(standing.dashboard)
        except ConnectionError as error:
            raise CommandError(
                f"cluster {standing.name} does not answer at {standing.dashboard}\n"
                f"  next: make up CLUSTER=cluster/{standing.name}.yaml, or correct ray.address and ray.dashboard_port"
            ) from error
    finally:
        os.environ.update(hidden)


def _all(client: Any) -> list[Job]:
    return [_job(details) for details in client.list_jobs() if details.submission_id]


def _job(details: Any) -> Job:
    return Job(
        id=details.submission_id,
        status=str(getattr(details.status, "value", details.status)),
        metadata=dict(details.metadata or {}),
        message=str(details.message or "").split("last available logs")[0].strip(),
        started=(details.start_time or 0) / 1000,
        ended=(details.end_time or 0) / 1000,
    )


def _free_id(run: str, taken: Sequence[str]) -> str:
    """The run's name; for the second job of a run (a resume) with -2, and so on."""
    candidates = (run if count == 1 else f"{run}-{count}" for count in range(1, len(taken) + 2))
    return next(name for name in candidates if name not in taken)
