"""Ctrl-C reaches every process of a terminal. One word is said, nobody is left, and the work goes on the next time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data_pipeline.mixture import load_mixture
from data_pipeline.prepare import prepare
from orchestrator.launch.processes import identify, wait_gone, with_descendants
from tests.data_pipeline.build.conftest import contents, write_mixture


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_all_processes_without_a_traceback(tmp_path: Path, workers: int) -> None:
    page, data = write_mixture(tmp_path / "texts"), tmp_path / "data"
    words = [sys.executable, "-m", "orchestrator.cli", "data", "--mixture", str(page), "--data", str(data), "--workers", str(workers)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while process.poll() is None and not list(data.glob(".work/*/.clean-*")):
        time.sleep(0.005)
    driver = identify(process.pid)
    assert driver is not None
    family = with_descendants([driver])
    assert len(family) >= workers
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "interrupted\n")
    assert not wait_gone(family, 10)  # multiprocessing's own tracker ends a moment after who started it
    assert not list(data.glob(".work/*/.*"))
    mixture = load_mixture(page)
    assert contents(prepare(mixture, data).folder) == contents(prepare(mixture, tmp_path / "other").folder)
