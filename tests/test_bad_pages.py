"""A user's mistake ends with exit code 2 or 3 and a message that says where, what, why and what to write instead.

The mistakes are in bad_pages.py. Each goes through the console command's own `main`, in this process.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator import cli
from tests.bad_pages import CASES, CLUSTER, GOOD, MIXTURE, Bad

Errors = pytest.CaptureFixture[str]
ALL = [pytest.param(case, id=f"{group}-{case.name}") for group, cases in CASES.items() for case in cases]


def edited(text: str, edits: Sequence[tuple[str, str]]) -> str:
    for old, new in edits:
        assert old in text, f"the good page no longer holds {old!r}"
        text = text.replace(old, new, 1)
    return text


def write(case: Bad, folder: Path) -> list[str]:
    """The case's files; the command line that reads them."""
    page = case.page if case.page is not None else edited(GOOD, case.edits).replace("{folder}", str(folder))
    (folder / "page.yaml").write_bytes(page if isinstance(page, bytes) else page.encode())
    (folder / "cluster.yaml").write_text(edited(CLUSTER, case.cluster_edits))
    (folder / "mixture.yaml").write_text(edited(MIXTURE, case.mixture_edits))
    command = [case.verb, "--spec", str(folder / "page.yaml")]
    command += ["--cluster", str(folder / "cluster.yaml")] if case.verb == "plan" else []
    return command + (["--set", case.set] if case.set else [])


@pytest.mark.parametrize("case", ALL)
def test_every_mistake_is_told_with_place_cause_and_fix(case: Bad, tmp_path: Path, capsys: Errors) -> None:
    assert cli.main(write(case, tmp_path)) == case.exit
    told = capsys.readouterr().err
    assert "Traceback" not in told
    place = f"{tmp_path / case.where}:{case.line}:" if case.line else f"{case.where} "
    first = next((line for line in told.splitlines() if place in line), None)
    assert first is not None, told
    if case.line:
        assert re.search(rf"{re.escape(place)}[1-9][0-9]*: ", first)
    for phrase in (*case.says, "\n    fix: "):
        assert phrase in told, told


@pytest.mark.parametrize("verb", ["check", "plan"])
def test_the_good_pages_pass(verb: str, tmp_path: Path) -> None:
    assert cli.main(write(Bad(name="none", says=(), verb=verb), tmp_path)) == 0


def test_there_are_enough_cases_and_each_has_its_own_name() -> None:
    names = [param.id for param in ALL]
    assert len(names) == len(set(names)) >= 90


def test_one_mistake_is_one_problem(tmp_path: Path, capsys: Errors) -> None:
    """A misspelt key used to be told twice: as unknown, and as missing under its right name."""
    cli.main(write(Bad(name="", says=(), edits=(("layers:", "layrs:"),)), tmp_path))
    assert capsys.readouterr().err.count("fix:") == 1


def test_all_mistakes_of_a_page_are_told_at_once_in_the_order_of_lines(tmp_path: Path, capsys: Errors) -> None:
    edits = (("precision: fp32", "precision: fp16"), ("layers: 2", "layers: x"), ("every:", "evry:"))
    cli.main(write(Bad(name="", says=(), edits=edits), tmp_path))
    lines = [int(found) for found in re.findall(r"page\.yaml:(\d+):", capsys.readouterr().err)]
    assert lines == [6, 20, 22]


def test_diff_reads_both_pages_as_strictly(tmp_path: Path, capsys: Errors) -> None:
    (tmp_path / "left.yaml").write_text(GOOD)
    (tmp_path / "right.yaml").write_text(GOOD.replace("layers:", "layrs:"))
    assert cli.main(["diff", str(tmp_path / "left.yaml"), str(tmp_path / "right.yaml")]) == 2
    assert f"{tmp_path / 'right.yaml'}:6:3: model.layrs: unknown key" in capsys.readouterr().err


def test_data_names_the_mistake_of_a_mixture(tmp_path: Path, capsys: Errors) -> None:
    (tmp_path / "mixture.yaml").write_text(MIXTURE.replace("weight", "wieght"))
    assert cli.main(["data", "--mixture", str(tmp_path / "mixture.yaml"), "--data", str(tmp_path)]) == 2
    assert f"{tmp_path / 'mixture.yaml'}:2:75: sources[0].wieght: unknown key" in capsys.readouterr().err


FILES = {
    "no such page": (["check", "--spec", "{f}/pgae.yaml"], ["{f}/pgae.yaml: there is no such file", "did you mean {f}/page.yaml?"]),
    "no such folder": (["check", "--spec", "{f}/no/page.yaml"], ["there is no such file", "there is no folder {f}/no either"]),
    "a folder": (["check", "--spec", "{f}"], ["{f}: is a folder, and a page is one file", "pages there: {f}/page.yaml"]),
    "an empty folder": (["check", "--spec", "{f}/empty"], ["is a folder", "{f}/empty holds no page"]),
    "no such cluster": (["plan", "--spec", "{f}/page.yaml", "--cluster", "{f}/x.yaml"], ["{f}/x.yaml: there is no such file", "fix:"]),
    "a page inside a page": (["check", "--spec", "{f}/page.yaml/x"], ["cannot be read: Not a directory", "check the path"]),
    "a name too long": (["check", "--spec", "{f}/" + "x" * 300], ["cannot be read: File name too long", "check the path"]),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_is_not_there_or_is_no_file(case: str, tmp_path: Path, capsys: Errors) -> None:
    (tmp_path / "page.yaml").write_text(GOOD)
    (tmp_path / "empty").mkdir()
    command, says = FILES[case]
    assert cli.main([word.replace("{f}", str(tmp_path)) for word in command]) == 2
    told = capsys.readouterr().err
    assert "Traceback" not in told
    for phrase in says:
        assert phrase.replace("{f}", str(tmp_path)) in told, told


COMMANDS = {
    "no verb": ([], ["required: VERB"]),
    "unknown verb": (["trian"], ["invalid choice: 'trian'", "plan", "did you mean 'train'?"]),
    "unknown option": (["check", "--sepc", "x"], ["unrecognized arguments: --sepc x", "help: orchestrate"]),
    "option without value": (["check", "--spec"], ["--spec: expected one argument", "help: orchestrate check --help"]),
    "unknown run": (["resume", "--run", "nano-1", "--runs", "{f}"], ["holds no run 'nano-1'", "did you mean 'nano-2'?", "there are: nano-2"]),
    "no run named": (["resume", "--runs", "{f}"], ["which run? say RUN=...", "nano-2"]),
    "--until in words": (["train", "--until", "ten"], ["--until: expected a whole number of at least 1, found 'ten'"]),
    "--until zero": (["train", "--until", "0"], ["--until: expected a whole number of at least 1, found '0'"]),
    "--until negative": (["train", "--until=-3"], ["--until: expected a whole number of at least 1, found '-3'"]),
    "unknown format": (["plan", "--format", "xml"], ["--format: invalid choice: 'xml'", "text"]),
    "diff of one page": (["diff", "a.yaml"], ["the following arguments are required: PAGE"]),
    "unknown mixture": (["data", "--mixture", "pyton"], ["unknown mixture 'pyton'; did you mean 'python'?"]),
    "a prompt is missing": (["generate", "--run", "x"], ["required: --prompt"]),
}  # fmt: skip


@pytest.mark.parametrize("case", COMMANDS)
def test_a_wrong_command_line_is_one_readable_message(case: str, tmp_path: Path, capsys: Errors) -> None:
    (tmp_path / "nano-2").mkdir()
    (tmp_path / "nano-2" / "execution.json").touch()
    command, says = COMMANDS[case]
    assert cli.main([word.replace("{f}", str(tmp_path)) for word in command]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert "Traceback" not in told
    assert len(told.splitlines()) <= 3
    for phrase in says:
        assert phrase in told, told
