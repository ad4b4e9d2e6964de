"""What several ranks print within a moment appears once; what libraries log stays in the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.launch.output import Filter, Merger, WorkerOutput, name_ranks


@pytest.mark.parametrize(
    ("ranks", "text"),
    [({0}, "rank 0"), ({0, 1, 2, 3}, "ranks 0-3"), ({0, 2, 3, 7}, "ranks 0,2-3,7"), ({5, 4}, "ranks 4-5")],
)
def test_ranks_are_named_by_spans(ranks: set[int], text: str) -> None:
    assert name_ranks(ranks) == text


def test_equal_lines_of_several_ranks_are_one() -> None:
    merger = Merger(window_s=1.0)
    for rank in range(4):
        merger.add(rank, "loading", now=0.1 * rank)
    assert merger.due(0.9) == []
    assert merger.due(1.0) == ["[ranks 0-3] loading"]
    assert merger.due(9.0) == []


def test_a_line_printed_twice_by_each_rank_appears_twice() -> None:
    merger = Merger(window_s=1.0)
    for rank in (0, 1, 0, 1):
        merger.add(rank, "again", now=0.0)
    assert merger.due(1.0) == ["[ranks 0-1] again", "[ranks 0-1] again"]


def test_a_rank_that_comes_too_late_gets_a_line_of_its_own() -> None:
    merger = Merger(window_s=1.0)
    merger.add(0, "hello", now=0.0)
    assert merger.due(1.0) == ["[rank 0] hello"]
    merger.add(1, "hello", now=1.5)
    assert merger.due(2.5) == ["[rank 1] hello"]


def test_order_is_that_of_the_first_print() -> None:
    merger = Merger(window_s=0.0)
    for rank, text in ((1, "first"), (0, "second"), (0, "first")):
        merger.add(rank, text, now=0.0)
    assert merger.due(0.0) == ["[ranks 0-1] first", "[rank 0] second"]


@pytest.mark.parametrize(
    "line",
    [
        "[2030-01-31 12:00:00,001] [INFO] [config.py:1014:print] DeepSpeedEngine configuration:",
        "2030-01-31 12:00:00,001 WARNING transformers: slow tokenizer",
        "INFO:root:hello",
        "WARNING: could not",
        "[W1123 20:34:49.123 socket.cpp:755] [c10d] The client socket cannot be initialized",
        "[rank1]:[W1123 20:34:49.123 ProcessGroupGloo.cpp:1] destroy_process_group() was not called",
        "/usr/lib/python3/site-packages/torch/x.py:11: UserWarning: deprecated",
        "<string>:1: FutureWarning: soon",
        "",
    ],
)
def test_what_libraries_log_is_not_shown(line: str) -> None:
    assert not Filter()(line)


@pytest.mark.parametrize(
    "line",
    [
        "[2030-01-31 12:00:00,001] [ERROR] [engine.py:1] out of memory",
        "Traceback (most recent call last):",
        '  File "x.py", line 1, in <module>',
        "my own print says INFO",
        "  indented",
    ],
)
def test_what_the_run_says_is_shown(line: str) -> None:
    assert Filter()(line)


def test_the_source_line_that_a_warning_quotes_goes_with_it() -> None:
    shown = Filter()
    lines = ["a.py:3: UserWarning: careful", '  warnings.warn("careful")', "  mine"]
    assert [shown(line) for line in lines] == [False, False, True]


def test_the_report_of_a_failed_worker_stays_in_its_log() -> None:
    shown = Filter()
    lines = ["step 3", "Error in training function:", "Traceback (most recent call last):", "RuntimeError: Connection reset by peer"]
    assert [shown(line) for line in lines] == [True, False, False, False]


def test_the_view_follows_new_attempts_and_leaves_out_torn_lines(tmp_path: Path) -> None:
    said: list[str] = []
    old = tmp_path / "logs" / "attempt-1"
    old.mkdir(parents=True)
    (old / "rank-0.log").write_text("of an earlier launch\n")
    view = WorkerOutput(tmp_path, said.append)
    new = tmp_path / "logs" / "attempt-2"
    new.mkdir()
    for rank in range(2):
        (new / f"rank-{rank}.log").write_text(f"hello\nrank {rank} here\ntor")
    view.poll()
    with (new / "rank-0.log").open("a") as file:
        file.write("n no more\n")
    view.close()
    assert sorted(said) == sorted(
        ["[ranks 0-1] hello", "[rank 0] rank 0 here", "[rank 1] rank 1 here", "[rank 0] torn no more"]
    )
