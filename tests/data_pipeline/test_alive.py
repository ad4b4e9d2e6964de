"""Who waits for a preparation learns that it is dead, whatever the clocks say."""

from __future__ import annotations

from pathlib import Path

from data_pipeline import alive
from data_pipeline.alive import NAME, Watch, preparing


def test_the_file_is_there_as_long_as_somebody_prepares(tmp_path: Path) -> None:
    with preparing(tmp_path):
        while not (tmp_path / NAME).exists():
            pass
    assert not list(tmp_path.iterdir())


def test_a_file_that_no_longer_changes_is_that_of_a_dead_process(tmp_path: Path) -> None:
    now = 0.0
    watch = Watch(tmp_path, 60, clock=lambda: now)
    (tmp_path / NAME).write_text("left behind")
    assert watch()
    for moment, text, alive_then in ((59, "", True), (59.5, "1", True), (119, "", True), (119.4, "2", True), (180, "", False), (190, "3", True)):
        if text:
            (tmp_path / NAME).write_text(text)
        now = moment
        assert watch() == alive_then


def test_nobody_at_all_is_waited_for_as_long(tmp_path: Path) -> None:
    now = 0.0
    watch = Watch(tmp_path, 60, clock=lambda: now)
    assert watch()
    now = 61.0
    assert not watch()


def test_a_node_that_is_slow_to_beat_has_time_enough() -> None:
    assert alive.PATIENCE >= 20 * alive.EVERY
