"""What does not fit: the stage, by how much, and exit code 3."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from orchestrator.cli import main
from orchestrator.errors import PlanError
from orchestrator.planning import make_plan
from orchestrator.planning.memory import capacity, needed
from orchestrator.planning.render import Overflow, overflow_of, render_overflow
from orchestrator.planning.render.lines import visible
from orchestrator.spec import load_cluster, load_run
from orchestrator.units import format_bytes

ROOT = Path(__file__).resolve().parents[3]
TOO_LARGE = ["--spec", str(ROOT / "model_specs/llama/65b.yaml"), "--cluster", str(ROOT / "cluster/one-node-h100.yaml"), "--set", "parallelism=auto"]


def refused(name: str, hardware: str, overrides: str) -> Overflow | None:
    loaded = load_run(ROOT / f"model_specs/{name}.yaml", overrides)
    cluster = load_cluster(ROOT / f"cluster/{hardware}.yaml").spec
    with pytest.raises(PlanError) as caught:
        make_plan(loaded.spec, cluster)
    return overflow_of(caught.value, loaded.spec, cluster)


def test_the_stage_that_overflows_is_shown_with_by_how_much() -> None:
    found = refused("bloom/176b", "bloom-48xa100-80", "parallelism.recompute=none")
    assert found is not None
    told = render_overflow(found, "", width=80)
    assert found.beyond == needed(found.stage_memory[found.stage]) - capacity(found.hardware) > 0
    assert f"no; stage {found.stage} of 12 needs" in told
    assert f"{format_bytes(found.beyond)} too" in " ".join(told.split())
    assert max(visible(line) for line in told.splitlines()) <= 80


def test_what_is_beyond_the_device_stands_behind_a_stroke() -> None:
    found = refused("bloom/176b", "bloom-48xa100-80", "parallelism.recompute=none")
    assert found is not None
    rows = [line for line in render_overflow(found, "", width=100).splitlines() if "|" in line and "GiB" in line]
    over = [needed(memory) > capacity(found.hardware) for memory in found.stage_memory]
    assert [not row.partition("|")[2].startswith(" ") for row in rows] == over
    assert len({row.index("|") for row in rows}) == 1


def test_the_bars_number_is_the_one_that_the_verdict_speaks_of() -> None:
    """Both without what the allocator would give back, so that the difference to the device is what is too much."""
    found = refused("bloom/176b", "bloom-48xa100-80", "parallelism.recompute=none")
    assert found is not None
    told = render_overflow(found, "", width=100)
    (row,) = [line for line in told.splitlines() if line.startswith(">")]
    need = needed(found.stage_memory[found.stage])
    assert need == max(map(needed, found.stage_memory))
    assert f"needs {format_bytes(need)} of" in told
    assert f" {format_bytes(need)}  " in row


def test_a_layout_that_breaks_a_rule_was_not_refused_for_its_memory() -> None:
    assert refused("bloom/176b", "bloom-48xa100-80", "parallelism.tensor=5") is None


class TestTheCommand:
    def test_it_ends_with_3_and_shows_the_bar(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["plan", *TOO_LARGE]) == 3
        told = capsys.readouterr()
        assert told.out == ""
        assert "too much" in " ".join(told.err.split())
        assert "does not fit" in told.err

    def test_the_bar_is_of_the_layout_that_the_message_speaks_of(self, capsys: pytest.CaptureFixture[str]) -> None:
        main(["plan", *TOO_LARGE])
        told = capsys.readouterr().err
        (needs,) = re.findall(r"needs ([\d.]+ \w+) of", told)
        assert f"takes {needs} per rank" in told

    def test_as_json_too(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["plan", *TOO_LARGE, "--format", "json"]) == 3
        told = json.loads(capsys.readouterr().out)
        assert told["fits"] is False
        assert told["beyond"] == told["stages"][told["stage"]]["needed"] - told["usable"] > 0
        assert told["problems"][0]["path"] == "parallelism"

    def test_a_broken_rule_as_json_too(self, capsys: pytest.CaptureFixture[str]) -> None:
        page = ["--spec", str(ROOT / "model_specs/bloom/176b.yaml"), "--cluster", str(ROOT / "cluster/bloom-48xa100-80.yaml")]
        assert main(["plan", *page, "--set", "parallelism.tensor=5", "--format", "json"]) == 3
        told = json.loads(capsys.readouterr().out)
        assert told["fits"] is False
        assert told["problems"][0]["fix"]
        assert "stages" not in told
