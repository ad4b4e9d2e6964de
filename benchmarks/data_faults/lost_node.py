"""Three raylets on this machine, one of which is killed with -9 in the middle: its blocks are done again on the others."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from benchmarks.data_faults.trials import command, contents, jobs_done, prepared, words_of
from orchestrator.launch import cluster
from orchestrator.launch.cluster import Standing
from orchestrator.launch.processes import Process, mentioning, with_descendants
from orchestrator.spec.cluster import ClusterSpec

PAGE = ClusterSpec.model_validate({"nodes": 3, "node": {"accelerator": "cpu", "count": 2}})
NAME = "faults"


def run(page: Path, folder: Path) -> int:
    whole = folder / "undisturbed"
    expected, jobs = contents(prepared(page, whole)), jobs_done(whole)
    wrong = 0
    for share in (0.4,):
        states = folder / f"clusters-{share}"
        standing = cluster.up(PAGE, name=NAME, states=states, say=lambda line: None)
        try:
            wrong += not _lost(page, folder / f"lost-{share}", standing, round(jobs * share), expected)
        finally:
            cluster.down(NAME, states=states, say=lambda line: None)
    return int(wrong > 0)


def _lost(page: Path, data: Path, standing: Standing, after: int, expected: dict[str, str]) -> bool:
    where = data.with_suffix(".yaml")
    where.write_text(f"nodes: 3\nnode: {{accelerator: cpu, count: 2}}\nray: {{address: '{standing.address}'}}\n")
    began = time.monotonic()
    process = subprocess.Popen(command(page, data, "--cluster", str(where)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while process.poll() is None and (jobs_done(data) < after or not _at_work(standing)):
        time.sleep(0.02)
    died, raylet = _at_work(standing), raylet_of(standing, 2)
    os.kill(raylet.pid, signal.SIGKILL)
    done = jobs_done(data)
    said, _ = process.communicate()
    if process.returncode:
        print(f"a node lost after {done} jobs: ended with {process.returncode}\n{said[-3000:]}")
        return False
    (facts,) = data.glob("*/prepared.json")
    same = contents(facts.parent) == expected
    told = f"a node lost after {done} jobs with {died} in hand, ended in {time.monotonic() - began:.0f} s"
    print(f"{told}: {'equal' if same else 'DIFFERENT'}", flush=True)
    return same


def raylet_of(standing: Standing, index: int) -> Process:
    """The raylet of a node, by the temporary folder that no other has."""
    found = mentioning(f"{standing.temp}/{index}/")
    (raylet,) = (each for each in found if words_of(each).split(b"\0")[0].endswith(b"/raylet"))
    return raylet


def _at_work(standing: Standing) -> int:
    """Processes of the last node that do a job now: Ray writes the task into their command line."""
    return sum(words_of(process).startswith(b"ray::Map(") for process in with_descendants([raylet_of(standing, 2)]))
