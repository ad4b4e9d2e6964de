"""The class of an error alone decides the exit code; its message is ready to be printed."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable

import pytest

from orchestrator import cli, errors
from orchestrator.errors import OrchestratorError, PageError, PlacementError, PlanError, Problem


def tree(kind: type[OrchestratorError]) -> list[type[OrchestratorError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in tree(child))]


OURS = [kind for kind in tree(OrchestratorError) if kind.__module__ == errors.__name__]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = re.findall(r"^ +(?:[│ ]*[├└]── )?([A-Z]\w+) +(\d+) ", errors.__doc__ or "", re.MULTILINE)
    assert [(kind.__name__, str(kind.exit_code)) for kind in OURS] == drawn


def failing(error: Exception) -> Callable[[object], None]:
    def check(options: object) -> None:
        """Fails."""
        raise error

    return check


@pytest.mark.parametrize("kind", OURS)
def test_an_error_ends_the_command_with_its_code_and_message(
    kind: type[OrchestratorError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = kind([Problem(message="what is wrong")]) if issubclass(kind, PageError | PlanError) else kind("what is wrong")
    monkeypatch.setitem(cli.COMMANDS, "check", failing(error))
    assert cli.main(["check"]) == kind.exit_code
    assert capsys.readouterr().err == "error: what is wrong\n"


@pytest.mark.parametrize("kind", OURS)
def test_an_error_travels_between_processes(kind: type[OrchestratorError]) -> None:
    """Ray sends the errors of its workers as pickles; one that does not load there hides the cause."""
    problems = [Problem(file="p.yaml", line=3, column=5, path="a.b", message="m", fix="f")]
    error = kind(problems) if issubclass(kind, PageError | PlanError) else kind("m")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), str(error))
    assert getattr(again, "problems", None) == getattr(error, "problems", None)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem(file="p.yaml", line=3, column=5, path="a.b", message="m", fix="f"), "p.yaml:3:5: a.b: m\n    fix: f"),
        (Problem(file="p.yaml", message="m"), "p.yaml: m"),
        (Problem(path="a.b", message="m"), "a.b: m"),
        (Problem(message="m"), "m"),
    ],
)
def test_a_problem_reads_place_key_cause_fix(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_a_plan_error_may_be_a_sentence() -> None:
    assert PlacementError("no room").problems == (Problem(message="no room"),)


def test_what_is_not_the_users_mistake_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cli.COMMANDS, "check", failing(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.main(["check"])
