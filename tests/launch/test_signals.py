"""Given these events, exactly these instructions."""

from __future__ import annotations

import pytest

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


def press(at: float, name: str = "SIGINT") -> Signalled:
    return Signalled(name=name, at=at)


def deeds(desk: Desk, *events: object) -> list[list[object]]:
    """What each event is answered with, words left out."""
    return [[i for i in desk.handle(event) if not isinstance(i, Say)] for event in events]  # type: ignore[arg-type]


def test_before_the_first_attempt_there_is_nothing_to_save() -> None:
    assert deeds(Desk(), press(0)) == [[Leave(exit_code=130)]]


def test_the_first_signal_of_a_running_gang_asks_for_a_checkpoint_and_waits() -> None:
    desk = Desk()
    assert deeds(desk, AttemptStarted(), press(0), GangReturned()) == [[], [AskToStop()], []]
    assert desk.phase is Phase.DONE


def test_the_second_signal_leaves_at_once() -> None:
    assert deeds(Desk(), AttemptStarted(), press(0), press(2)) == [[], [AskToStop()], [Leave(exit_code=130)]]


def test_one_press_that_arrives_twice_counts_once() -> None:
    assert deeds(Desk(), AttemptStarted(), press(0), press(0.01, "SIGTERM")) == [[], [AskToStop()], []]


def test_a_third_signal_and_one_after_the_end_change_nothing() -> None:
    assert deeds(Desk(), AttemptStarted(), press(0), press(1), press(2))[-1] == []
    assert deeds(Desk(), AttemptStarted(), GangReturned(), press(5))[-1] == []


def test_a_restarted_gang_that_was_asked_to_stop_is_still_stopping() -> None:
    desk = Desk()
    assert deeds(desk, AttemptStarted(), press(0), AttemptStarted(), press(3))[-1] == [Leave(exit_code=130)]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_every_signal_is_named_in_what_is_said(name: str) -> None:
    desk = Desk()
    desk.handle(AttemptStarted())
    said = [i.text for i in desk.handle(press(0, name)) if isinstance(i, Say)]
    assert len(said) == 1
    assert said[0].startswith(name)


def test_the_log_holds_every_event() -> None:
    desk = Desk()
    events = [AttemptStarted(), press(0), press(0.1), GangReturned()]
    for event in events:
        desk.handle(event)
    assert desk.log == events
