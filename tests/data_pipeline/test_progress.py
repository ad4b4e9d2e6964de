"""What events come to, at moments that the test names; and that the terminal shows the same numbers."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from data_pipeline.progress import GAUGES, Event, Finished, Line, Progress, Started, Ticked, gauges
from data_pipeline.screen import Screen, line, most


def told(events: Iterable[tuple[float, Event]]) -> Progress:
    progress = Progress()
    for now, event in events:
        progress = progress.after(event, now)
    return progress


def test_a_stage_is_the_sum_of_its_blocks() -> None:
    progress = told([
        (0.0, Started("read", 4)),
        (1.0, Ticked("a/0", 100, 10_000, 90, {"too short": 10})),
        (2.0, Ticked("b/0", 50, 5_000, 45, {"too short": 2, "language": 3})),
        (3.0, Ticked("a/0", 200, 20_000, 170, {"too short": 30})),
        (4.0, Finished("a/0")),
    ])  # fmt: skip
    assert (progress.done, progress.blocks, progress.seconds) == (1, 4, 4.0)
    assert (progress.total.documents, progress.total.bytes, progress.total.kept) == (250, 25_000, 215)
    assert progress.total.dropped == {"too short": 32, "language": 3}
    assert set(progress.running) == {"b/0"}


def test_a_block_of_a_lost_node_begins_again() -> None:
    progress = told([
        (0.0, Started("read", 1)), (1.0, Ticked("a/0", 900, 9_000, 900)), (2.0, Ticked("a/0", 10, 100, 10)),
        (9.0, Ticked("a/0", 1000, 10_000, 1000)), (9.0, Finished("a/0")),
    ])  # fmt: skip
    assert progress.total.documents == 1000


def test_speed_is_that_of_the_last_seconds() -> None:
    slow = [(float(second), Ticked("a/0", second, second * 10, second)) for second in range(1, 101)]
    fast = [(100.0 + second, Ticked("a/0", 100 + 1000 * second, 1000 + 10_000 * second, 100)) for second in range(1, 31)]
    progress = told([(0.0, Started("read", 1)), *slow, *fast])
    assert progress.documents_per_s == pytest.approx(1000)
    assert progress.bytes_per_s == pytest.approx(10_000)


def test_the_end_is_foreseen_from_blocks_done_now_not_from_those_found() -> None:
    begun = [(0.0, Started("write", 100, done=80))]
    assert told(begun).eta_s is None
    assert told([*begun, (10.0, Finished("a")), (20.0, Finished("b"))]).eta_s == pytest.approx(20 / 2 * 18)


def test_the_next_stage_begins_with_nothing() -> None:
    progress = told([(0.0, Started("read", 1)), (1.0, Ticked("a", 5, 50, 5)), (2.0, Finished("a")), (3.0, Started("write", 7))])
    assert (progress.stage, progress.blocks, progress.done, progress.total.documents, progress.seconds) == ("write", 7, 0, 0, 0.0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1000)), max_size=30))
def test_gauges_are_the_panels_numbers(ticks: list[tuple[str, int]]) -> None:
    events = [(float(place), Ticked(block, number, number * 8, number // 2, {"short": number - number // 2})) for place, (block, number) in enumerate(ticks)]
    progress = told([(0.0, Started("read", 3)), *events])
    values = gauges(progress)
    assert set(values) <= set(GAUGES)
    assert values["orchestrator_data_documents"] == sum(dict(ticks).values())
    assert values["orchestrator_data_kept"] + values["orchestrator_data_dropped"] == values["orchestrator_data_documents"]
    assert "orchestrator_data_eta_seconds" not in values


def test_lines_where_there_is_no_terminal() -> None:
    moments = iter([0.0, 0.0, 1.0, 12.0, 12.5, 13.0, 13.0])
    file = io.StringIO()
    with Screen(Console(file=file, width=200), clock=lambda: next(moments)) as screen:
        screen.say(Started("read", 2))
        screen.say(Ticked("a", 10, 1024, 9, {"[bold]too short": 1}))
        screen.say(Ticked("a", 20, 4096, 18, {"[bold]too short": 2}))
        screen.say(Line("a: 1 file is damaged"))
        screen.say(Finished("a"))
    assert file.getvalue().splitlines() == [
        "read: 0 of 2 blocks; 20 documents, 4.0 KiB (2/s, 341 B/s); kept 18; dropped 2 [bold]too short",
        "a: 1 file is damaged",
        "read: 1 of 2 blocks; 20 documents, 4.0 KiB (2/s, 315 B/s); kept 18; dropped 2 [bold]too short; in 13s",
    ]


def test_a_panel_where_there_is_one() -> None:
    file = io.StringIO()
    with Screen(Console(file=file, width=100, force_terminal=True)) as screen:
        screen.say(Started("read", 3))
        screen.say(Ticked("a", 1234, 10 * 2**20, 1000, {"[quality] stop words": 234}))
        screen.say(Finished("a"))
        screen.say(Line("a: 1 file is damaged"))
    shown = file.getvalue()
    assert all(words in shown for words in ("read", "1,234", "10.0 MiB", "81.0%", "[quality] stop words", "a: 1 file is damaged", "1 of 3"))


def test_few_reasons_are_named() -> None:
    dropped = {f"reason {number:02d}": 100 - number for number in range(12)}
    assert len(most(dropped)) == 9
    assert most(dropped)[-1] == ("for 4 other reasons", sum(100 - number for number in range(8, 12)))
    assert "4 other reasons" in line(told([(0.0, Started("read", 1)), (1.0, Ticked("a", 1, 1, 1, dropped))]))
