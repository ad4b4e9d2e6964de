"""`orchestrate simulate`: one screen, JSON, and its mistakes."""

from __future__ import annotations

import json

import pytest

from orchestrator import cli

Output = pytest.CaptureFixture[str]
BLOOM = ["simulate", "--spec", "model_specs/bloom/176b.yaml", "--cluster", "cluster/bloom-48xa100-80.yaml"]


def test_one_screen(capsys: Output) -> None:
    assert cli.main([*BLOOM, "--devices", "8,100_000"]) == 0
    told = capsys.readouterr().out
    for words in ("of the time useful", "Young", "Daly", "NVIDIA", "lost work", "4 spare nodes", "scale ideally", "100,000", "plan 384"):
        assert words in told
    assert len(told.splitlines()) < 30
    assert max(map(len, told.splitlines())) <= 140


def test_json_holds_the_same_and_seeds_repeat(capsys: Output) -> None:
    told = []
    for _ in range(2):
        assert cli.main([*BLOOM, "--devices", "64", "--seed", "3", "--format", "json"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]
    assert [row["devices"] for row in told[0]["scaling"]] == [64, 384]
    simulated = told[0]["simulated"]
    assert simulated["ettr"]["mean"] + sum(simulated["lost"].values()) == pytest.approx(1)


def test_what_never_fails_is_null_in_json(capsys: Output) -> None:
    assert cli.main(["simulate", "--devices", "2", "--format", "json"]) == 0
    json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


def test_the_laptop_too(capsys: Output) -> None:
    assert cli.main(["simulate"]) == 0
    assert "0 spare nodes" in capsys.readouterr().out


def test_a_list_that_is_none(capsys: Output) -> None:
    assert cli.main(["simulate", "--devices", "8,many"]) == 2
    assert "found 'many'" in capsys.readouterr().err
