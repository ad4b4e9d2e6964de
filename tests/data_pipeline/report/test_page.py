"""The page: whole HTML that asks nothing of the network, safe from what it quotes, with the numbers of the report."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from data_pipeline.report.consumed import Consumed, Taken
from data_pipeline.report.facts import Facts
from data_pipeline.report.page import render_page
from data_pipeline.report.sections.overview import heeds
from data_pipeline.report.style import _DARK, _LIGHT
from tests.data_pipeline.report.facts import NEWS, facts, many

VOID = {"meta", "br", "wbr", "input"}
BARE = {"mixture": "bare", "fingerprint": "00" * 32, "sources": {"a": {}, "b": {"language": "en"}}}


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
        if not self.open or self.open[-1] not in ("script", "style"):
            self.words += data


@pytest.mark.parametrize("said", [facts(), Facts.model_validate(BARE), many(50)], ids=["small", "bare", "many"])
def test_it_is_whole_and_asks_nothing_of_the_network(said: Facts) -> None:
    text = render_page(said)
    read = Page(text)
    assert read.tags.count("script") == 1
    assert not {"link", "img", "iframe", "object", "embed", "form"} & set(read.tags)
    assert not {"src", "srcset", "xlink:href", "action", "style"} & {key for key, _ in read.attributes}
    assert not re.search(r"https?://|url\(|@import|@font-face", text)
    names = [value for key, value in read.attributes if key == "id"]
    assert len(names) == len(set(names))
    leads_to = {value[1:] for key, value in read.attributes if key == "href" and value}
    assert leads_to <= set(names)


def test_what_it_quotes_cannot_act() -> None:
    """Markup, control characters and half a surrogate pair out of a document stay text, in their own direction."""
    text = render_page(facts())
    read = Page(text)
    assert not {"onerror", "onload"} & {key for key, _ in read.attributes}
    assert "<script>alert(1)</script>" in read.words
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", text)
    assert "␀␛[31m �" in read.words
    text.encode("utf-8")
    hebrew = re.search(r"<(\w+)([^>]*)>שלום", text)
    assert hebrew is not None
    assert hebrew[2] == ' dir="auto"'
    assert "small &lt;mixture&gt;" in text


def test_its_numbers_are_those_of_the_report() -> None:
    words = Page(render_page(facts())).words
    for said in (
        "90of 110 read",  # documents
        "−12 · 10.9 %", "stop_words, 9", "language, 3", "−8 · 7.27 %", "90 · 81.8 %",  # the funnel
        "1.27K", "2.20", "4.00", "3.00",  # tokens; fertility of French, bytes a token
        "EMAIL4", "IP_ADDRESS1", "not JSON: 3", "dedup_near", "learnt from 4K bytes",
    ):  # fmt: skip
        assert said in words, said


def test_what_is_not_measured_is_said_and_not_a_zero() -> None:
    words = Page(render_page(Facts.model_validate(BARE))).words
    assert words.count("not measured") > 10
    assert "Nothing was looked for" in words
    assert "1 of 2 sources do not say their language" in words


def test_what_a_change_changed_is_marked() -> None:
    assert "one<mark>\u00a0</mark>two" in render_page(facts())


def test_what_to_look_at() -> None:
    said = {heed.said: heed for heed in heeds(facts(), None)}
    assert [heed.broken for heed in said.values()] == [True, True, False, False]
    assert said["1 of 2 sources have records or files that could not be read"].sources == ("news",)
    assert said["1 of 2 sources are taken more often than their cap of epochs"].sources == ("news",)
    [unknown] = [heed for words, heed in said.items() if words.startswith("the identifier does not know …; the source&#x27;s word is trusted")]
    assert unknown.languages == "fr"


def test_documents_that_vanish_are_said() -> None:
    lost = {**NEWS, "exact_copies": 7}
    assert next(heed.said for heed in heeds(facts(sources={"news": lost}), None)) == "1 of 1 sources: documents read, dropped and kept do not add up"


def test_what_a_run_took_stands_beside_what_was_asked() -> None:
    taken = Consumed(run="nano", step=40, sources={"news": Taken(samples=400, tokens=3200), "scripts": Taken(samples=600, tokens=4800)})
    words = Page(render_page(facts(), taken)).words
    assert "what nano has taken, 8,000 tokens in 40 steps" in words
    assert "40.0 % · asked 75.0 %" in words
    assert "3.20" in words
    [off] = [heed for heed in heeds(facts(), taken) if "off what was asked" in heed.said]
    assert off.sources == ("news", "scripts")


def test_500_sources_are_still_a_page() -> None:
    text = render_page(many(517))
    assert len(text) < 12e6
    assert text.count('<details class="plain source"') == 517


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

    assert all(contrast(word, ground) >= 4.5 for word in ("ink", "soft") for ground in ("ground", "panel"))
    assert contrast("ink", "marked") >= 4.5
    assert all(contrast(part, "ground") >= 3 for part in ("kept", "held", "lost", "broken", "mark", "code"))
