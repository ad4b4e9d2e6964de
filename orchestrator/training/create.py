"""A new run's folder, and what the command line said that no page holds. No torch here."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from data_pipeline.files import PARTIAL, write_file
from data_pipeline.stored.storage import is_url
from orchestrator.errors import CommandError
from orchestrator.registry import nearest
from orchestrator.spec import ClusterSpec, LoadedCluster, LoadedRun
from orchestrator.spec.run import RUN_NAME
from orchestrator.training.rundir import RunDir


def require_free(runs: Path, name: str) -> RunDir:
    """The folder that a new run of this name will have. Raises CommandError when the name is taken or cannot name a folder."""
    if not RUN_NAME.fullmatch(name):
        raise CommandError(f"run name {name!r}: use up to 100 letters, digits, '.', '_' and '-', a letter or digit first")
    folder = RunDir(runs.absolute() / name)
    if _never_begun(folder):
        raise CommandError(_as_never_begun(folder))
    if folder.path.exists():
        raise CommandError(f"{folder.path} exists; continue it with `make resume RUN={name}`, or choose another RUN")
    return folder


def create_run(runs: Path, name: str, run: LoadedRun, cluster: LoadedCluster) -> RunDir:
    """Makes RUNS/NAME with what was said; it is a run as soon as `write_execution` has added what no page holds.

    Raises CommandError when the name is taken or cannot name a folder.
    """
    folder = require_free(runs, name)
    folder.path.mkdir(parents=True)
    write_file(folder.spec, run.text)
    write_file(folder.cluster, cluster.text)
    write_file(folder.resolved, run.resolved)
    return folder


def find_run(runs: Path, name: str | None) -> RunDir:
    """The folder of an existing run. Raises CommandError, which names the runs there are."""
    names = sorted(path.parent.name for path in runs.glob("*/execution.json"))
    if not name:
        raise CommandError(f"which run? say RUN=...; {runs} holds: {', '.join(names) or 'no run'}")
    folder = RunDir(runs.absolute() / name)
    if name not in names:
        if _never_begun(folder):
            raise CommandError(_as_never_begun(folder))
        guess = nearest(name, names)
        hint = f"; did you mean {guess!r}?" if guess else ""
        raise CommandError(f"{runs} holds no run {name!r}{hint} (there are: {', '.join(names) or 'none'})")
    return folder


def _never_begun(run: RunDir) -> bool:
    """Whether the folder holds no more than what a start writes before `execution.json`."""
    if not run.path.is_dir():
        return False
    pages = {run.spec.name, run.cluster.name, run.resolved.name}
    return all(path.name in pages or path.name.endswith(PARTIAL) for path in run.path.iterdir())


def _as_never_begun(run: RunDir) -> str:
    left = f"{run.path} was left by a start that was killed before it had written all that a run is continued from; nothing was trained"
    return f"{left}\n    fix: remove that folder and start the run again"


def write_hardware(run: RunDir, cluster: ClusterSpec) -> None:
    """hardware.json: the cluster page with `local` replaced by what the machine has."""
    write_file(run.hardware, cluster.model_dump_json() + "\n")


def write_execution(
    run: RunDir, *, data: str | Path, overrides: Sequence[str], until: int | None, accepted: Sequence[str], cluster: str = ""
) -> None:
    """execution.json, which makes a run of a folder: where the data lies, the cluster page's path, overrides so far, how far to train, changes meant."""
    before = json.loads(run.execution.read_text("utf-8")) if run.execution.exists() else {}
    record = {
        "created": before.get("created", round(time.time(), 3)),
        "git_commit": before.get("git_commit", _git_commit()),
        "data": str(data) if is_url(data) else str(Path(data).absolute()),
        "cluster": cluster or before.get("cluster", ""),
        "overrides": list(overrides),
        "until": until,
        "accepted": sorted({*before.get("accepted", ()), *accepted}),
    }
    write_file(run.execution, json.dumps(record, indent=1) + "\n")


def _git_commit() -> str | None:
    """The commit of the code at hand, marked when files differ from it; None outside a repository."""
    here = Path(__file__).parent
    found = subprocess.run(["git", "-C", here, "describe", "--always", "--dirty", "--abbrev=40"], capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 else None
