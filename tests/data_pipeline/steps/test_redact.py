"""Personal data is replaced by tags, counted, and never shown."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from data_pipeline.privacy.emails import emails
from data_pipeline.privacy.excerpts import excerpt
from data_pipeline.privacy.masks import masked, shown
from orchestrator.errors import CommandError, PageError
from tests.data_pipeline.steps.conftest import cleaned, document, steps_of

TEXT = "Write to jane.doe@firm.org or +49 30 23125 123; the server is 93.184.216.34, version 2.6.32.27. Thanks to @jane_doe."


def test_tags_of_roots(tmp_path: Path) -> None:
    (text,), (tally,) = cleaned("redact_personal_data", [TEXT], tmp_path, "de")
    assert text == "Write to PI:EMAIL or PI:PHONE; the server is PI:IP_ADDRESS, version 2.6.32.27. Thanks to PI:USER."
    assert tally.changed == 1
    assert tally.measures["personal_data"] == {
        "email": {"found": 1, "documents": 1, "samples": ["j***@f***.org"]},
        "ip": {"found": 1, "documents": 1, "samples": ["9***"]},
        "phone": {"found": 1, "documents": 1, "samples": ["+***"]},
        "user": {"found": 1, "documents": 1, "samples": ["@j***"]},
    }


def test_kinds_and_tags_of_ones_own(tmp_path: Path) -> None:
    said = "redact_personal_data: {kinds: [email, ip], tag: '<{kind}>'}"
    assert cleaned(said, ["a@b.de 93.184.216.34 +49 30 23125 123"], tmp_path, "de")[0] == ["<EMAIL> <IP_ADDRESS> +49 30 23125 123"]
    with pytest.raises(PageError, match="holds a field other than"):
        steps_of("redact_personal_data: {tag: '{name}'}")


def test_a_text_without_personal_data_is_the_same_object() -> None:
    (step,) = steps_of("redact_personal_data")
    clean = document("Nothing of anybody, not even in 10.0.0.1.")
    assert step.begin("en")(clean) is clean.text


def test_once_redacted_nothing_is_found(tmp_path: Path) -> None:
    once, _ = cleaned("redact_personal_data", [TEXT], tmp_path, "de")
    twice, (tally,) = cleaned("redact_personal_data", once, tmp_path, "de")
    assert twice == once
    assert tally.changed == 0


def test_counts_are_of_all_documents_and_samples_are_few(tmp_path: Path) -> None:
    texts = [f"{name}@firm{number}.org and again {name}@firm.org" for number, name in enumerate("abcdefgh")]
    _, (tally,) = cleaned("redact_personal_data", texts, tmp_path, "en")
    assert tally.measures["personal_data"]["email"]["found"] == 16
    assert tally.measures["personal_data"]["email"]["documents"] == 8
    assert len(tally.measures["personal_data"]["email"]["samples"]) == 5
    assert "firm" not in json.dumps(tally.measures)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [("john@mail.example.org", "email", "j***@m***.org"), ("@jane", "user", "@j***"), ("93.184.216.34", "ip", "9***"), ("+49 30", "phone", "+***"), ("AKIA0", "key", "A***")],
)
def test_masks(value: str, kind: str, expected: str) -> None:
    assert masked(value, kind) == expected


def test_a_piece_of_text_is_shown_with_its_values_masked_also_at_its_ends() -> None:
    text = "see jane@firm.org, or bob@firm.org"
    spans = list(emails(text, public_only=True))
    assert shown(text, spans, 0, len(text)) == "see j***@f***.org, or b***@f***.org"
    assert shown(text, spans, 6, 26) == "j***@f***.org, or b***@f***.org"
    assert shown(text, [], 0, 3) == "see"


def test_examples_in_a_report_hold_no_value(tmp_path: Path) -> None:
    """The example of a changed text showed what was there before."""
    _, tallies = cleaned("redact_personal_data, {filter_small_docs: {words: 90}}", [TEXT, "x " * 70 + TEXT], tmp_path, "de")
    told = json.dumps([tally.facts() for tally in tallies])
    assert "j***@f***.org" in told
    assert not [value for value in ("jane", "firm.org", "93.184", "23125") if value in told]
    assert excerpt("Tel. 030 23125 123", 0, 99) == "Tel. 0***"
    assert excerpt("a b jane.doe@firm.org c", 0, 12) == "a b j***@f***.org"


def test_what_cannot_be_found_is_said() -> None:
    (step,) = steps_of("redact_personal_data")
    assert step.notes("fr") == []
    assert step.notes(None) == ["no region is known for None; only telephone numbers with a country code are found"]
    assert step.notes("ruby")[1] == "'ruby' is taken for a programming language; @names are not looked for"


def test_presidio_is_asked_only_where_a_page_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (step,) = steps_of("redact_personal_data: {presidio: true}")
    monkeypatch.setattr("data_pipeline.privacy.people.find_spec", lambda name: None)
    with pytest.raises(CommandError, match="pip install presidio-analyzer"):
        step.begin("en")

    class Engine:
        supported_languages = ("en",)

        def analyze(self, text: str, language: str, entities: list[str], score_threshold: float) -> list[SimpleNamespace]:
            assert (language, entities, score_threshold) == ("en", ["PERSON", "LOCATION"], 0.5)
            at = text.find("Jane")
            return [SimpleNamespace(start=at, end=at + 4, entity_type="PERSON")] if at >= 0 else []

    package = ModuleType("presidio_analyzer")
    package.AnalyzerEngine = Engine  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "presidio_analyzer", package)
    monkeypatch.setattr("data_pipeline.privacy.people.installed", lambda: "1")
    assert step.begin("en")(document("Ask Jane, jane@firm.org")) == "Ask PI:PERSON, PI:EMAIL"
    with pytest.raises(CommandError, match=r"no model for 'fr' \(it has: en\)"):
        step.begin("fr")
