"""One screen of text: it never passes the edge, says what a decision needs, and looks as it looked."""

from __future__ import annotations

import re

import pytest

from orchestrator.planning.render import render
from orchestrator.planning.render.lines import as_ascii, visible
from orchestrator.planning.render.words import seconds
from orchestrator.units import format_bytes
from tests.planning.golden.make_screens import FOLDER, SCREENS, screen
from tests.planning.render.plans import PAIRS, shipped, title
from tests.plans import tiny_plan

pairs = pytest.mark.parametrize("name", PAIRS)


@pairs
@pytest.mark.parametrize("width", [60, 80, 100, 120])
@pytest.mark.parametrize("colour", [False, True])
def test_no_line_passes_the_edge(name: str, width: int, colour: bool) -> None:
    told = render(shipped(name), title(name), width=width, colour=colour)
    assert max(visible(line) for line in told.splitlines()) <= width


@pytest.mark.parametrize(("asked", "taken"), [(20, 60), (500, 120)])
def test_very_narrow_and_very_wide_terminals_get_lines_that_can_be_read(asked: int, taken: int) -> None:
    assert render(shipped("bloom"), "", width=asked) == render(shipped("bloom"), "", width=taken)


@pairs
def test_colour_adds_nothing_but_colour(name: str) -> None:
    plain, coloured = (render(shipped(name), title(name), width=80, colour=colour) for colour in (False, True))
    assert [visible(line) for line in plain.splitlines()] == [visible(line) for line in coloured.splitlines()]
    assert "\x1b" not in plain
    assert "\x1b[32;1myes\x1b[0m" in coloured


@pairs
def test_a_terminal_without_unicode_gets_as_many_columns(name: str) -> None:
    told = render(shipped(name), title(name))
    assert as_ascii(told).isascii()
    assert [len(line) for line in as_ascii(told).splitlines()] == [len(line) for line in told.splitlines()]


@pytest.mark.parametrize("file", SCREENS)
def test_a_screen_looks_as_it_looked(file: str) -> None:
    """When this fails: look, then `python -m tests.planning.golden.make_screens`."""
    assert screen(file) == (FOLDER / file).read_text("utf-8")


class TestWhatItSays:
    def test_whether_it_fits_and_which_stage_is_the_fullest(self) -> None:
        plan = shipped("bloom")
        worst = plan.stage_memory.index(plan.memory)
        told = render(plan, "")
        assert f"yes; stage {worst} of 12 is the fullest: {format_bytes(plan.memory.total)} of" in told
        assert sum(line.startswith(">") for line in told.splitlines()) == 1

    def test_the_step_is_said_to_be_at_full_batch_where_others_are_not(self) -> None:
        assert "a step at full batch" in render(shipped("bloom"), "", width=120)
        assert "at full batch" not in render(shipped("neox"), "", width=120)

    def test_a_row_per_stage_with_its_layers_nodes_and_ranks(self) -> None:
        rows = [line for line in render(shipped("bloom"), "").splitlines() if "GiB" in line and "|" in line]
        assert len(rows) == 12
        assert rows[0].split()[-3:] == ["embedding", "0-3", "0-31"]
        assert rows[11].split()[-3:] == ["head", "44-47", "352-383"]

    def test_every_part_of_a_step_above_a_fiftieth_has_a_bar(self) -> None:
        step = shipped("bloom").time.step
        told = render(shipped("bloom"), "")
        for name, value in vars(step).items():
            assert (f"\n  {name}" in told and seconds(value) in told) or value < 0.02 * step.total

    def test_an_mfu_never_stands_without_its_convention(self) -> None:
        told = render(shipped("bloom"), "")
        assert all(name in told for name in ("(torchtitan)", "(Bridge)", "HFU", "(SC21)"))
        assert "HFU" not in render(shipped("mixtral"), "")

    def test_the_best_layouts_where_there_was_a_search(self) -> None:
        plan = shipped("llama-searched")
        told = render(plan, "")
        assert len(re.findall(r"^  1 .* chosen ", told, re.M)) == 1
        assert f"the best {min(5, len(plan.candidates))} layouts of" in told
        assert "layouts of" not in render(shipped("bloom"), "")

    def test_a_price_gives_a_cost_and_no_price_none(self) -> None:
        assert "at 4.10 per device-hour" in render(shipped("llama-searched"), "")
        assert "cost" not in render(shipped("bloom"), "")

    def test_a_page_that_says_its_error_shows_it(self) -> None:
        plan = shipped("bloom")
        said = plan.cluster.calibration.model_copy(update={"error": {"time": 0.08, "memory": 0.07}, "source": "my measurements"})
        known = plan.__class__(**{**vars(plan), "cluster": plan.cluster.model_copy(update={"calibration": said})})
        told = render(known, "", width=120)
        assert "±\N{NO-BREAK SPACE}8%" in told
        assert "±\N{NO-BREAK SPACE}7%" in told
        assert "my measurements" in told

    def test_a_model_whole_on_every_rank_needs_no_map_and_a_laptop_no_failures(self) -> None:
        told = render(tiny_plan(), "")
        assert "\n  map" not in told
        assert "\n  failures" not in told
