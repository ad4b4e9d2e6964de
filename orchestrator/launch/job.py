"""One training run on Ray: place the gang, watch it, stop it well.

Ray Train v2 owns the gang: placement, rendezvous, health, restart. It is driven from a thread, because on the main thread it would install a SIGINT handler that aborts the run; here the main
thread keeps the signals (see `signals`), follows the files that workers write, and prints reasons.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

from orchestrator.errors import Interrupted, PlacementError
from orchestrator.launch import inventory, session, worker
from orchestrator.launch.failures import GANG_FAILED, WAITING, root_causes
from orchestrator.launch.machine import this_machine
from orchestrator.launch.placement import Request, Verdict, can_place
from orchestrator.launch.session import Session
from orchestrator.launch.signals import (
    AskToStop,
    AttemptStarted,
    Desk,
    GangReturned,
    Leave,
    Phase,
    Say,
    Signalled,
)
from orchestrator.training.rundir import RunDir
from orchestrator.training.views.follow import Follower

# What healthy ranks say when a peer is gone; never the cause.
TICK_S = 0.2
RECHECK_S = 5.0  # how often a gang that has not started is held against the cluster again
REMIND_S = 60.0
FATAL_GRACE_S = 3.0
HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Ray Train's settings, read from the environment of the driver.
TRAIN_ENVIRONMENT: Mapping[str, str] = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # 2 s: the end and a death would be seen that late
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",  # it writes every printed line twice
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths of a page mean the project's folder
}
PRIVATE_ENVIRONMENT: Mapping[str, str] = {
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # one more actor; nobody preempts the machine one sits at
}


@dataclass(frozen=True, kw_only=True)
class TrainJob:
    """All that launching needs to know of a run. `each`: resources of one worker, in Ray's names. `together`:
    how many consecutive ranks must share a node."""

    run_dir: Path
    world_size: int
    each: Mapping[str, float]
    together: int = 1
    device: str = "cpu"
    threads: int = 1
    max_restarts: int = 3
    environment: Mapping[str, str] = field(default_factory=dict)
    function: str = "orchestrator.training.worker:train"

    @property
    def request(self) -> Request:
        return Request(workers=self.world_size, each=self.each, together=self.together)


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """How it ended. `returned` is what rank 0's training function returned, if it did return."""

    outcome: str  # finished | paused | interrupted | failed
    message: str
    exit_code: int
    attempts: int
    returned: Mapping[str, Any] | None = None


class View(Protocol):
    """Something that shows the run from its files. Called from a thread of its own; may be slow or fail."""

    def poll(self) -> None: ...

    def close(self) -> None: ...


Printer = Callable[[str], None]
EXIT_CODES = {"finished": 0, "paused": 0, "interrupted": 130, "failed": 4}


def run(
    job: TrainJob,
    *,
    address: str | None = None,
    node: Mapping[str, float] | None = None,
    runtime_env: Mapping[str, Any] | None = None,
    say: Printer = print,
    views: Callable[[Session], Sequence[View]] = lambda _: (),
) -> JobResult:
    """Train to the end, a stop or a failure.

    `address`: a standing cluster, to which `runtime_env` ships the code; None starts a private Ray that
    declares the resources `node` (those of this machine by default). `views` is called once Ray is up and gives what shall follow the run's files.
    Raises PlacementError when the gang can never be placed, Interrupted when stopped before it started.
    """
    folder = RunDir(job.run_dir)
    folder.logs.mkdir(parents=True, exist_ok=True)
    folder.stop.unlink(missing_ok=True)
    log = folder.logs / "ray.log"
    declared = dict(node or inventory.node_resources(this_machine()))
    if address is None:
        _refuse_impossible(job.request, inventory.of_resources(declared))
    desk = Desk()
    environment = TRAIN_ENVIRONMENT if address else {**TRAIN_ENVIRONMENT, **PRIVATE_ENVIRONMENT}
    with _Signals(desk, say) as signals, _environment(environment):
        # Importing Ray Train takes as long as Ray's processes take to start: do both at once.
        threading.Thread(target=importlib.import_module, args=("orchestrator.launch.gang",), daemon=True).start()
        connect = (
            session.attached(log, address=address, runtime_env=runtime_env)
            if address
            else session.private(log, resources=declared)
        )
        with connect as ray_session:
            signals.claim()
            say(f"ray        dashboard {ray_session.dashboard}  metrics {ray_session.metrics}")
            _wait_for_room(job.request, say)
            with _following(views(ray_session), say):
                return _Watch(job, desk, signals.queue, say, private=ray_session.private).until_the_end()


class _Watch:
    """The main thread's loop around a gang that runs in another thread."""

    def __init__(
        self, job: TrainJob, desk: Desk, signals: SimpleQueue[Signalled], say: Printer, *, private: bool
    ) -> None:
        from orchestrator.launch.gang import Gang

        self.job, self.desk, self.signals, self.say = job, desk, signals, say
        self.run_dir = RunDir(job.run_dir)
        self.first_attempt = worker.next_attempt(job.run_dir)
        self.attempt = self.first_attempt - 1
        self.events = Follower(self.run_dir.events, from_end=True)
        self.failures = 0
        self.gang = Gang(lambda: _trainer(job, private=private))
        self.waiting_since = time.monotonic()
        self.fatal_since: float | None = None

    def until_the_end(self) -> JobResult:
        self.gang.start()
        try:
            return self._watch()
        finally:
            self.gang.call_off()

    def _watch(self) -> JobResult:
        next_check = time.monotonic() + RECHECK_S
        while self.gang.is_alive():
            self._signals()
            self._attempts()
            self._told()
            if fatal := self._fatal():
                return fatal
            if self.waiting_since and time.monotonic() > next_check:
                next_check = time.monotonic() + (REMIND_S if self._say_what_is_missing() else RECHECK_S)
            self.gang.join(TICK_S)
        self._attempts()
        self._told()
        self.desk.handle(GangReturned())
        return self._result()

    def _signals(self) -> None:
        while not self.signals.empty():
            for instruction in self.desk.handle(self.signals.get()):
                match instruction:
                    case Say(text=text):
                        self.say(text)
                    case AskToStop():
                        self.run_dir.stop.touch()
                    case Leave():
                        raise Interrupted(self._where_it_stands())

    def _attempts(self) -> None:
        newest = worker.newest_attempt(self.job.run_dir)
        if newest > self.attempt:
            self.attempt = newest
            self.waiting_since = 0.0
            self.desk.handle(AttemptStarted())
            if newest > self.first_attempt:
                self.say(f"gang       attempt {newest} is running")

    def _told(self) -> None:
        """What the controller has written down since: failed attempts, and no room for the next."""
        for record in self.events.new():
            if record["event"] == WAITING:
                self.say(record["reason"])
            if record["event"] != GANG_FAILED:
                continue
            self.failures += 1
            self.waiting_since = time.monotonic()
            causes = root_causes(record["ranks"])
            left = self.job.max_restarts - self.failures
            if left >= 0:
                self.say(f"gang       attempt {self.attempt} failed ({causes}); restarting, {left} more allowed")

    def _fatal(self) -> JobResult | None:
        """An error of ours in a worker: a restart would meet it again, so the gang is not given another."""
        path = worker.attempt_folder(self.job.run_dir, self.attempt) / worker.FATAL
        if self.attempt < self.first_attempt or not path.exists():
            return None
        self.fatal_since = self.fatal_since or time.monotonic()
        if time.monotonic() - self.fatal_since < FATAL_GRACE_S:
            return None
        return self._fatal_result(path)

    def _fatal_result(self, path: Path) -> JobResult:
        record = json.loads(path.read_text())
        return JobResult(
            outcome="failed",
            message=f"rank {record['rank']}: {record['kind']}: {record['message']}",
            exit_code=record["exit_code"],
            attempts=self._attempts_made(),
        )

    def _say_what_is_missing(self) -> bool:
        if not inventory.is_pending(self.job.world_size, self.job.each):
            return False
        answer = can_place(self.job.request, inventory.of_ray())
        if answer.verdict is not Verdict.FITS:
            self.say(answer.reason)
        return answer.verdict is not Verdict.FITS

    def _attempts_made(self) -> int:
        return self.attempt - self.first_attempt + 1

    def _where_it_stands(self) -> str:
        return f"interrupted; continue with: make resume RUN={self.job.run_dir.name}"

    def _result(self) -> JobResult:
        fatal = worker.attempt_folder(self.job.run_dir, self.attempt) / worker.FATAL
        if fatal.exists():
            return self._fatal_result(fatal)
        if self.gang.error is not None:
            return self._failed(self.gang.error)
        returned = self.gang.returned or {}
        outcome = str(returned.get("outcome", "finished"))
        return JobResult(
            outcome=outcome,
            message=str(returned.get("message", "")),
            exit_code=int(returned.get("exit_code", EXIT_CODES[outcome])),
            attempts=self._attempts_made(),
            returned=returned,
        )

    def _failed(self, error: BaseException) -> JobResult:
        from orchestrator.launch.observer import explain

        causes = {str(rank): explain(e) for rank, e in getattr(error, "worker_failures", {}).items()}
        what = root_causes(causes) or explain(error)
        logs = worker.attempt_folder(self.job.run_dir, self.attempt)
        return JobResult(
            outcome="failed",
            message=f"{what}\n  restarts used: {max(0, self.failures - 1)} of {self.job.max_restarts}"
            f"\n  logs: {logs if self.attempt else self.job.run_dir / 'logs' / 'ray.log'}",
            exit_code=EXIT_CODES["failed"],
            attempts=self._attempts_made(),
        )


def _trainer(job: TrainJob, *, private: bool) -> Any:
    from ray import train

    from orchestrator.launch.backend import GangConfig
    from orchestrator.launch.gang import GangTrainer
    from orchestrator.launch.observer import FailureObserver
    from orchestrator.launch.pins import Pins

    run_dir = RunDir(job.run_dir)
    v2: Any = train  # the annotations of `ray.train` still describe v1
    trainer = GangTrainer(
        worker.run_in_worker,
        train_loop_config={"run_dir": str(job.run_dir), "function": job.function, "folder": str(Path.cwd())},
        backend_config=GangConfig(backend="nccl" if job.device == "cuda" else "gloo"),
        scaling_config=v2.ScalingConfig(
            num_workers=job.world_size,
            use_gpu=job.device == "cuda",
            resources_per_worker=dict(job.each),
            placement_strategy="PACK",
        ),
        run_config=v2.RunConfig(
            name=job.run_dir.name,
            storage_path=str(job.run_dir / "logs" / "ray_train"),
            failure_config=v2.FailureConfig(max_failures=job.max_restarts),
            callbacks=[FailureObserver(run_dir)],
            worker_runtime_env={"env_vars": {"OMP_NUM_THREADS": str(job.threads), **job.environment}},
        ),
    )
    trainer.private = private
    trainer.pins = Pins(request=job.request, run=run_dir) if job.together > 1 else None
    return trainer


def _refuse_impossible(request: Request, existing: inventory.Inventory) -> None:
    answer = can_place(request, existing)
    if answer.verdict is Verdict.IMPOSSIBLE:
        raise PlacementError(answer.reason)


def _wait_for_room(request: Request, say: Printer) -> None:
    """Return when the gang fits; say the reason at once, and again when it changes or a minute has passed."""
    said, at = "", 0.0
    while True:
        existing = inventory.of_ray()
        _refuse_impossible(request, existing)
        answer = can_place(request, existing)
        if answer.verdict is Verdict.FITS:
            return
        if answer.reason != said or time.monotonic() - at > REMIND_S:
            said, at = answer.reason, time.monotonic()
            say(answer.reason)
        time.sleep(1.0)


class _Signals:
    """Signals become events on a queue. Before the gang runs they end the launch where it stands."""

    def __init__(self, desk: Desk, say: Printer) -> None:
        self.desk, self.say = desk, say
        self.queue: SimpleQueue[Signalled] = SimpleQueue()

    def __enter__(self) -> _Signals:
        self._before = {number: signal.getsignal(number) for number in HANDLED}
        self.claim()
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def claim(self) -> None:
        """Take the signals. Again after ray.init: its C++ side puts a handler of its own over SIGTERM, which
        passes it on to ours and sets an alarm that kills the process three seconds later."""
        for number in HANDLED:
            signal.signal(number, self._note)

    def _note(self, number: int, _: object) -> None:
        event = Signalled(name=signal.Signals(number).name, at=time.monotonic())
        if self.desk.phase is not Phase.STARTING:
            self.queue.put(event)
            return
        for instruction in self.desk.handle(event):
            match instruction:
                case Say(text=text):
                    self.say(text)
                case Leave():
                    raise Interrupted("interrupted before the first step; nothing was written")


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables for the time of a run; a value that the user has set stays."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


@contextlib.contextmanager
def _following(views: Sequence[View], say: Printer) -> Iterator[None]:
    """Each view polls in a thread of its own; one that fails is named once and left out, the run goes on."""
    over = threading.Event()

    def follow(view: View) -> None:
        try:
            while not over.wait(TICK_S):
                view.poll()
            view.poll()
            view.close()
        except Exception as error:  # a view may never end a run
            say(f"view       {type(view).__name__} stopped: {error!r}; the run goes on")

    threads = [threading.Thread(target=follow, args=(view,), daemon=True) for view in views]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(10.0)
