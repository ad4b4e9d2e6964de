"""The page: whole HTML that asks nothing of the network, with every stage and the numbers of the plan's JSON."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from orchestrator.planning.render import report_of
from orchestrator.planning.render.html import render_html
from orchestrator.planning.render.style import _DARK, _LIGHT, COLOURS
from orchestrator.planning.render.words import seconds
from orchestrator.units import format_bytes, format_count, format_duration
from tests.planning.render.plans import PAIRS, shipped, title
from tests.plans import tiny_plan

VOID = {"meta", "br", "img", "link", "input", "hr"}
pairs = pytest.mark.parametrize("name", PAIRS)


class Page(HTMLParser):
    """Checks that tags close in order; keeps words, tags and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def page(name: str) -> str:
    return render_html(report_of(shipped(name)), title(name))


@pairs
def test_it_is_whole_and_asks_nothing_of_the_network(name: str) -> None:
    text = page(name)
    read = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(read.tags)
    assert not {"src", "href", "srcset", "xlink:href", "action"} & {key for key, _ in read.attributes}
    assert not re.search(r"https?://|url\(|@import|@font-face", text)
    assert len(text) < 600_000


@pairs
def test_every_stage_is_drawn_with_its_memory(name: str) -> None:
    plan, words = shipped(name), Page(page(name)).words
    for stage, memory in enumerate(plan.stage_memory):
        assert (f"stage {stage}" if plan.pipeline > 1 else "every rank") in words
        assert format_bytes(memory.total) in words


@pairs
def test_its_numbers_are_those_of_the_json(name: str) -> None:
    told = json.loads(json.dumps(report_of(shipped(name)).as_dict()))
    words = Page(page(name)).words
    expected = [
        format_duration(told["time"]["total_s"]), seconds(told["time"]["step_s"]), format_count(told["time"]["tokens_per_s"]),
        f"{told['mfu']['torchtitan']:.1%}", f"{told['mfu']['Bridge']:.1%} Bridge", f"{told['parameters']:,}", f"{told['reliability']['ettr']:.1%}",
        format_bytes(told["reliability"]["checkpoint_bytes"]), *(f"{point['devices']:,}" for point in told["scaling"]["strong"]),
        *(seconds(value) for value in told["time"]["step"].values() if value),
    ]  # fmt: skip
    assert [number for number in expected if number not in words] == []


@pairs
def test_json_is_json_and_has_all_sections(name: str) -> None:
    told = json.loads(json.dumps(report_of(shipped(name)).as_dict(), allow_nan=False))
    assert told["fits"] is True
    wanted = {"stages", "time", "mfu", "hfu", "device_hours", "expected_s", "reliability", "error", "candidates", "scaling", "pipeline", "calibration"}
    assert wanted <= told.keys()
    assert told["mfu"]["torchtitan"] == pytest.approx(told["time"]["mfu"])


def test_drawings_have_names_and_tips_and_follow_light_and_dark() -> None:
    text = page("bloom")
    read = Page(text)
    assert read.tags.count("svg") == 5
    assert sum(key == "aria-label" for key, _ in read.attributes) == 5
    assert "prefers-color-scheme: dark" in text
    assert read.tags.count("title") > 100


def test_a_run_on_one_device_has_a_page_too() -> None:
    assert "No other number of devices" in Page(render_html(report_of(tiny_plan()), "tiny")).words


def test_what_a_page_says_is_escaped() -> None:
    assert "&lt;b&gt;" in render_html(report_of(tiny_plan()), "<b>")


@pytest.mark.parametrize("colours", [_LIGHT, _DARK], ids=["light", "dark"])
def test_contrast_is_that_of_wcag(colours: dict[str, str]) -> None:
    """4.5 : 1 for words, 3 : 1 for what is drawn (WCAG 2.2, 1.4.3 and 1.4.11)."""

    def luminance(colour: str) -> float:
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        low, high = sorted((luminance(colours[one]), luminance(colours[other])))
        return (high + 0.05) / (low + 0.05)

    assert all(contrast(word, ground) >= 4.5 for word in ("ink", "soft", "good", "bad") for ground in ("ground", "panel"))
    assert all(contrast(f"c{part}", "ground") >= 3 for part in range(COLOURS))
    assert all(contrast("on", f"c{part}") >= 4.5 for part in (0, 3))
