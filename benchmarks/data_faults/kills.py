"""The process that prepares is killed with -9 at a random moment, or one of its workers is, and it is started again.

Its workers must end by themselves: nobody is left to end them.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data_faults.trials import command, contents, jobs_done, left_over, prepared, words_of
from orchestrator.launch.processes import Process, identify, with_descendants

_WORKER = b"spawn_main"
_LONGEST_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Killed:
    """What was killed, how many workers were left alone, and after how many seconds the last of them was gone.

    early: the preparation had not come to its end before.
    """

    told: str
    early: bool = True
    workers: int
    gone_s: float


def run(page: Path, folder: Path, *, trials: int, workers: int, seed: int) -> int:
    chance = random.Random(seed)
    more = ("--workers", str(workers))
    whole = folder / "undisturbed"
    expected = contents(prepared(page, whole, *more))
    began = time.monotonic()
    prepared(page, folder / "again", *more)  # the first has also read the libraries from disk
    lasted = time.monotonic() - began
    print(f"undisturbed: {lasted:.1f} s, {jobs_done(whole)} jobs, {len(expected)} files, {workers} workers", flush=True)
    equal = trial = 0
    while trial < trials:
        data = folder / f"trial-{trial}"
        killed = start_and_kill(command(page, data, *more), chance.uniform(0.2, lasted), chance, worker=trial % 3 == 2)
        if not killed.early:  # this one was faster than the one that was timed
            shutil.rmtree(data)
            continue
        jobs = jobs_done(data)
        same = contents(prepared(page, data, *more)) == expected and not left_over(data)
        equal += same
        orphans = f"{killed.workers} workers left, gone after {killed.gone_s:.1f} s"
        print(f"{trial:>3}  {killed.told}, {jobs:>3} jobs done; {orphans}; started again: {'equal' if same else 'DIFFERENT'}", flush=True)
        trial += 1
    print(f"{equal} of {trials} byte-identical")
    return int(equal != trials)


def start_and_kill(words: list[str], moment: float, chance: random.Random, *, worker: bool) -> Killed:
    """Kills the driver after `moment` seconds; with `worker`, one of its workers after the first half of that."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    told = ""
    if worker:
        time.sleep(moment / 2)
        if found := workers_of(process.pid):
            os.kill(chance.choice(found).pid, signal.SIGKILL)
            told = "worker and "
    time.sleep(moment / 2 if worker else moment)
    if process.poll() is not None:
        code = process.returncode
        return Killed(told=f"{told}ended with {code} within {moment:5.1f} s", early=code != 0, workers=0, gone_s=0.0)
    orphans = workers_of(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    began = time.monotonic()
    while any(orphan.alive for orphan in orphans) and time.monotonic() - began < _LONGEST_S:
        time.sleep(0.05)
    return Killed(told=f"{told}driver killed after {moment:5.1f} s", workers=len(orphans), gone_s=time.monotonic() - began)


def workers_of(pid: int) -> list[Process]:
    driver = identify(pid)
    family = with_descendants([driver]) - {driver} if driver else set()
    return sorted(process for process in family if _WORKER in words_of(process))
