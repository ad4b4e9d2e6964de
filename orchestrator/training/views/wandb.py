"""Weights & Biases as a follower of metrics.jsonl, in a process of its own.

Training systems that log to W&B from the loop wait for its network, die of its errors, and tear the curve
when a run is rolled back. Here the loop knows nothing of it. This process reads the file that is the
truth, so one logical run has one curve over all attempts, each step once, and a lost connection or a
killed worker costs nothing: what is missing is read from the file again.

    python -m orchestrator.training.views.wandb RUN_DIR     ends when its standard input closes
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from orchestrator.training.rundir import RunDir, last_line
from orchestrator.training.views.follow import Follower
from orchestrator.training.views.wandb_file import history

POLL_S = 1.0
CLOSE_S = 60.0
EXPORT_S = 600.0


class WandbView:
    """Starts the follower when there is something to follow, and gives it time to finish at the end."""

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._process: subprocess.Popen[bytes] | None = None

    def poll(self) -> None:
        if self._process is None and last_line(self._run.metrics) is not None:
            self._run.logs.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, "-m", "orchestrator.training.views.wandb", str(self._run.path)]
            with (self._run.logs / "wandb.log").open("ab") as log:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
                )

    def close(self) -> None:
        self.poll()
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()


def run_id(run: RunDir) -> str:
    """The fixed id that makes all attempts one W&B run: from the run's name and when it was created."""
    created = json.loads(run.execution.read_text("utf-8"))["created"]
    digest = hashlib.sha256(f"{run.name} {created}".encode()).hexdigest()[:8]
    return f"{run.name[:100]}-{digest}"


def follow(run: RunDir) -> None:
    """Logs every line of metrics.jsonl that W&B has not seen, until standard input closes.

    A step is held back until the next one is there: the validation that followed it belongs to it.
    """
    seen = last_step_logged(run.path / "wandb", run_id(run))
    session = _session(run)
    session.define_metric("tokens")
    session.define_metric("*", step_metric="tokens")
    if seen == 0:
        _log_files(session, f"{run_id(run)}-pages", "spec", (run.spec, run.resolved, run.cluster, run.plan))
    metrics, events = Follower(run.metrics), Follower(run.events)
    validated: dict[int, float] = {}
    held: list[dict[str, Any]] = []
    open_ = True
    while open_:
        open_ = not _closed(POLL_S)
        held += [record for record in metrics.new() if record["step"] > seen]
        for event in events.new():
            if event["event"] == "validated":
                validated[event["step"]] = event["loss"]
            elif event["event"] == "baseline":
                session.summary["bigram_loss"] = event["loss"]
        ready = held[:-1] if open_ else held
        for record in ready:
            session.log(_flat(record, validated), step=record["step"])
        held = held[len(ready) :]
    session.finish()


def log_export(run: RunDir, out: Path) -> None:
    """Adds an exported folder to the run's artifacts, in a process of its own whose failure harms nothing."""
    command = [sys.executable, "-m", "orchestrator.training.views.wandb", str(run.path), str(out)]
    run.logs.mkdir(parents=True, exist_ok=True)
    with (run.logs / "wandb.log").open("ab") as log:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=EXPORT_S, check=False)


def _export(run: RunDir, out: Path) -> None:
    session = _session(run)
    _log_files(session, f"{run_id(run)}-export", "model", sorted(path for path in out.iterdir() if path.is_file()))
    session.finish()


def _session(run: RunDir) -> Any:
    """The one W&B run of all attempts."""
    import wandb
    import yaml

    said = yaml.safe_load(run.resolved.read_text("utf-8"))
    section = said["tracking"]["wandb"]
    execution = json.loads(run.execution.read_text("utf-8"))
    plan = json.loads(run.plan.read_text("utf-8"))
    return wandb.init(
        dir=str(run.path), id=run_id(run), name=run.name, project=section["project"], entity=section["entity"],
        tags=section["tags"], resume="allow", mode=_mode(section["mode"]),
        config={**said, "plan": plan, "git_commit": execution["git_commit"]},
        settings=wandb.Settings(console="off", silent=True, disable_git=True),
    )  # fmt: skip


def _log_files(session: Any, name: str, kind: str, paths: Iterable[Path]) -> None:
    import wandb

    artifact = wandb.Artifact(name, type=kind)
    for path in paths:
        artifact.add_file(str(path))
    session.log_artifact(artifact)


def last_step_logged(folder: Path, identity: str) -> int:
    """The last step in the W&B files of earlier attempts, read from the files themselves."""
    files = folder.glob(f"*run-*/run-{identity}.wandb")
    return max((step for path in files for step, _ in history(path)), default=0)


def _flat(record: dict[str, Any], validated: dict[int, float]) -> dict[str, Any]:
    values = {name: value for name, value in record.items() if name not in ("step", "terms", "moe")}
    values |= {f"terms/{name}": value for name, value in record.get("terms", {}).items()}
    values |= _flat_routing(record.get("moe", {}))
    if record["step"] in validated:
        values["validation_loss"] = validated[record["step"]]
    return values


def _flat_routing(moe: dict[str, list[Any]]) -> dict[str, float]:
    """`moe/layer_00/load/expert_0`, `moe/layer_00/dropped` ...; layers are those with experts, counted from 0."""
    values: dict[str, float] = {}
    for name, layers in moe.items():
        for layer, value in enumerate(layers):
            key = f"moe/layer_{layer:02d}/{name}"
            values |= {f"{key}/expert_{expert}": share for expert, share in enumerate(value)} if isinstance(value, list) else {key: value}
    return values


def _mode(said: str) -> Any:
    """`auto` is online only where a key is at hand, so that nothing ever asks a question."""
    if said != "auto":
        return said
    if os.environ.get("WANDB_MODE"):
        return os.environ["WANDB_MODE"]
    import wandb

    return "online" if wandb.login(prompt=False) else "offline"


def _closed(seconds: float) -> bool:
    """Waits up to `seconds`; whether standard input has been closed meanwhile."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(ready) and not os.read(sys.stdin.fileno(), 1)


if __name__ == "__main__":
    # Ray sends SIGTERM to the children of a job that is stopped; this one ends when its input closes, with all it read.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if len(sys.argv) == 2:
        follow(RunDir(Path(sys.argv[1])))
    else:
        _export(RunDir(Path(sys.argv[1])), Path(sys.argv[2]))
