"""Every error a user can meet, as one tree; the class alone decides the exit code.

    OrchestratorError            4   anything below, and the promise of a readable message
    ├── PageError                2   a page (YAML) or an override is wrong: holds all its problems
    ├── CommandError             2   the command line is wrong (unknown run, job, verb's argument)
    │   └── UnknownName          2   a name that no registry entry bears; lists those that exist
    ├── PlanError                3   the plan cannot fit this hardware, or breaks a rule of an engine
    │   └── PlacementError       3   the devices that exist cannot hold the gang
    ├── RunError                 4   the run failed
    │   ├── NonFiniteLoss        4   loss or gradient norm became NaN or infinite; evidence is kept
    │   ├── CheckpointError      4   a checkpoint cannot be written, or no good one can be read
    │   └── DataError            4   prepared data is damaged or is not what the run was started on
    └── Interrupted            130   the user asked to stop; a checkpoint was written first

A message is ready to print: what is wrong, the numbers, and the next step. The command line prints
it without a traceback; anything else that escapes is a bug of ours and shows its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class OrchestratorError(Exception):
    """Base of all errors with a message written for the user."""

    exit_code = 4


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong in a page: where, what was found, what is allowed, the nearest fix.

    `line` and `column` count from 1; both are 0 for a problem that has no place in a file.
    """

    file: str = ""
    line: int = 0
    column: int = 0
    path: str = ""
    message: str
    fix: str = ""
    about: object = None
    """The layout that the message speaks of, for who draws it; not a part of the message."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: " if self.file else ""
        subject = f"{self.path}: " if self.path else ""
        fix = f"\n    fix: {self.fix}" if self.fix else ""
        return f"{place}{subject}{self.message}{fix}"


class PageError(OrchestratorError):
    """A page or an override is wrong. `problems` holds every problem found in one reading."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[PageError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class CommandError(OrchestratorError):
    """The command line asks for something that does not exist or makes no sense."""

    exit_code = 2


class UnknownName(CommandError):  # noqa: N818
    """A registry was asked for a name it does not hold."""


class PlanError(OrchestratorError):
    """The plan cannot fit this hardware, or a combination is illegal; names the nearest legal one.

    `problems` name the page's keys they speak of; whoever read the page adds file and line.
    """

    exit_code = 3

    def __init__(self, problems: str | Sequence[Problem]) -> None:
        self.problems = (Problem(message=problems),) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[PlanError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class PlacementError(PlanError):
    """The gang cannot be placed: what was asked, what exists, what is missing."""


class RunError(OrchestratorError):
    """The run started and failed."""


class NonFiniteLoss(RunError):  # noqa: N818
    """Loss or gradient norm is NaN or infinite; training never goes on over it."""


class CheckpointError(RunError):
    """A checkpoint could not be written, or none that exists is whole."""


class DataError(RunError):
    """Prepared data is damaged, or differs from the data that the run was started on."""


class Interrupted(OrchestratorError):  # noqa: N818
    """The user asked to stop; a checkpoint was written first."""

    exit_code = 130
