"""One connection to Ray: a private one, started and taken down with the run, or a standing cluster.

A private Ray lives on the loopback address, with a temporary folder and ports of its own, beside any
other Ray on the machine. Everything it says (Python loggers, warnings at start, what its C++ side writes
on the driver's stderr) goes to a log file: the terminal belongs to the run.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import CommandError
from orchestrator.launch import processes

LOOPBACK = "127.0.0.1"
# Ray replaces 127.0.0.1 and "localhost" by an address reachable from outside, but no other loopback address.
NODE_ADDRESS = "127.0.0.2"
OBJECT_STORE = 200 * 2**20  # training moves nothing through it; Ray's default is 30 % of memory
# A unix socket's path has at most 107 bytes, of which Ray's session folder takes about 65.
LONGEST_TEMP = 40
SHUTDOWN_GRACE_S = 3.0

# Ray's own settings, as `_system_config` keys or RAY_… variables of the raylet.
SYSTEM_CONFIG: Mapping[str, object] = {
    "process_group_cleanup_enabled": True,  # a dead worker's children go with it (ray-project/ray#31451)
    "enable_worker_prestart": False,  # prestarted workers never fit Ray Train's runtime environment
    "prestart_worker_first_driver": False,
    "metrics_report_interval_ms": 2000,
}


@dataclass(frozen=True, kw_only=True)
class Session:
    """A connection: addresses to show, and where Ray's own words went. An empty address: not served."""

    address: str
    dashboard: str
    metrics: str
    log: Path
    private: bool


@contextlib.contextmanager
def private(log: Path, *, resources: Mapping[str, float]) -> Iterator[Session]:
    """Start Ray on this machine declaring `resources`, connect, and take down exactly that at the end."""
    import ray

    temp = short_temp_folder()
    custom = {name: amount for name, amount in resources.items() if name not in ("CPU", "GPU", "memory")}
    metrics_port = free_port()
    with _quiet(log):
        try:
            with _swallow(log):
                use_token()
                context: Any = ray.init(
                    address="local",
                    num_cpus=int(resources.get("CPU", 1)),
                    num_gpus=int(resources.get("GPU", 0)),
                    resources=custom,
                    object_store_memory=OBJECT_STORE,
                    include_dashboard=True,
                    dashboard_host=LOOPBACK,
                    log_to_driver=False,
                    _node_ip_address=NODE_ADDRESS,
                    _temp_dir=str(temp),
                    _metrics_export_port=metrics_port,
                    _system_config=dict(SYSTEM_CONFIG),
                )
            _log_to(log)
            yield Session(
                address=context.address_info["gcs_address"],
                dashboard=f"http://{context.dashboard_url}",
                metrics=f"http://{NODE_ADDRESS}:{metrics_port}/metrics",
                log=log,
                private=True,
            )
        finally:
            started = processes.with_descendants(processes.mentioning(str(temp)))
            with _swallow(log):
                ray.shutdown()
            processes.end_all_mentioning(str(temp), more=started, grace_s=SHUTDOWN_GRACE_S)
            _keep_logs(temp, log)
            shutil.rmtree(temp, ignore_errors=True)


@contextlib.contextmanager
def attached(log: Path, *, address: str, runtime_env: Mapping[str, Any] | None = None) -> Iterator[Session]:
    """Connect to the standing cluster at `address` ("auto" inside a Ray job); leaves it running.

    `runtime_env` ships the code to the nodes; inside a Ray job the job has brought it.
    """
    import ray

    with _quiet(log):
        try:
            with _swallow(log):
                use_token()
                context: Any = ray.init(address=address, log_to_driver=False, runtime_env=dict(runtime_env or {}) or None)
        except ConnectionError as error:
            raise CommandError(
                f"no Ray cluster answers at {address} ({error})\n  next: make up CLUSTER=…, or correct the "
                "page's ray.address"
            ) from error
        _log_to(log)
        try:
            yield Session(
                address=context.address_info["gcs_address"],
                dashboard=f"http://{context.dashboard_url}" if context.dashboard_url else "",
                metrics=_metrics_address(),
                log=log,
                private=False,
            )
        finally:
            with _swallow(log):
                ray.shutdown()


def use_token() -> bool:
    """Settle whether Ray asks its clients for a secret: not by default, since all of it listens on loopback.

    RAY_AUTH_MODE=token in the environment turns it on, for a machine shared with people who are not
    trusted; then this user's token is shown to the cluster, and the dashboard asks for it in a browser.
    """
    if os.environ.setdefault("RAY_AUTH_MODE", "disabled") != "token":
        return False
    from ray._private.authentication import authentication_token_setup as tokens

    tokens.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
    return True


def free_port() -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def short_temp_folder() -> Path:
    """A new folder whose path leaves room for Ray's unix sockets."""
    base = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="ray-", dir=base if len(base) <= LONGEST_TEMP - 14 else "/tmp"))


def _metrics_address() -> str:
    """The /metrics of the node this driver runs on: where its own gauges appear."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    node = next(entry for entry in ray.nodes() if entry["NodeID"] == here)
    return f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"


@contextlib.contextmanager
def _quiet(log: Path) -> Iterator[None]:
    """Send what Ray says to the log: its C++ side (descriptor 2) and the raylet's errors, which a thread of
    Ray prints on the driver's stdout even with `log_to_driver=False`. Python's own stderr stays. And the
    signals stay ours: `ray.init` would put its own SIGTERM handler, a plain exit, over the driver's."""
    from ray._private import utils as ray_utils
    from ray._private import worker as ray_worker

    log.parent.mkdir(parents=True, exist_ok=True)

    def to_log(data: Any, ignore_prefix: bool) -> None:
        with log.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in data["lines"])

    python_stderr, ray_prints, ray_handles = sys.stderr, ray_worker.print_to_stdstream, ray_utils.set_sigterm_handler
    terminal = os.dup(2)
    python_stderr.flush()
    if _is_descriptor_2(python_stderr):
        sys.stderr = os.fdopen(os.dup(terminal), "w", buffering=1)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    ray_worker.print_to_stdstream = to_log
    ray_utils.set_sigterm_handler = lambda handler: None
    try:
        yield
    finally:
        ray_worker.print_to_stdstream = ray_prints
        ray_utils.set_sigterm_handler = ray_handles
        sys.stderr.flush()
        sys.stderr = python_stderr
        os.dup2(terminal, 2)
        os.close(terminal)


def _is_descriptor_2(stream: object) -> bool:
    try:
        return bool(stream.fileno() == 2)  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):  # a captured stream has no descriptor
        return False


@contextlib.contextmanager
def _swallow(log: Path) -> Iterator[None]:
    """While Ray starts or stops, its warnings and first log lines go to the log too."""
    with (
        log.open("a", encoding="utf-8") as file,
        contextlib.redirect_stderr(file),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        _log_to(log)
        yield


def _log_to(log: Path) -> None:
    """Ray's Python loggers write to `log` and to nothing else."""
    logger = logging.getLogger("ray")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    handler = logging.FileHandler(log)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.propagate = False


def _keep_logs(temp: Path, log: Path) -> None:
    """Ray's own log files outlive its temporary folder, beside the run: they explain a failed start."""
    for folder in temp.glob("session_2*/logs"):
        for file in sorted(folder.glob("**/*")):
            if file.is_file() and file.stat().st_size and file.suffix in (".log", ".err", ".out"):
                kept = log.parent / "ray" / file.relative_to(folder)
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, kept)
