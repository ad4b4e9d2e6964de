"""What the command line takes: verbs, their options, and how it tells what is wrong with them.

Nothing heavy is imported here, so that `orchestrate --help` and a misspelt verb are answered at once. What a verb does is in
cli.py, which hands its commands over: neither has to know how the other is written.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orchestrator.errors import CommandError
from orchestrator.registry import nearest

DEFAULT_SPEC = "model_specs/llama/nano.yaml"
DEFAULT_CLUSTER = "cluster/laptop.yaml"

Command = Callable[[argparse.Namespace], Any]
"""Does what a verb says; gives the exit code, or nothing for 0."""


def parser_of(commands: Mapping[str, Command], *, about: str) -> argparse.ArgumentParser:
    """The parser of all verbs; what it parsed holds the command of its verb under `verb`.

    commands: by verb, `data where` for one beside another; the docstring of each is its help.
    """
    parser = _Parser(prog="orchestrate", description=about)
    verbs = parser.add_subparsers(required=True, metavar="VERB", parser_class=_Parser)

    def verb(name: str, *groups: Callable[[argparse.ArgumentParser], None]) -> argparse.ArgumentParser:
        added = _added(verbs, name, commands[name])
        for group in groups:
            group(added)
        return added

    verb("check", _spec)
    planning = verb("plan", _spec, _cluster)
    planning.add_argument("--format", choices=("text", "json", "html"), default="text")
    planning.add_argument("--out", type=Path, metavar="FILE", help="write there instead of on the screen")
    simulating = verb("simulate", _spec, _cluster)
    simulating.add_argument("--devices", type=_counts, default="8,64,512,4096,16384,32768,100000", metavar="LIST",
                            help="device counts of the scaling table, such as 8,1024,100000")  # fmt: skip
    simulating.add_argument("--seed", type=int, default=0, help="the first of the seeds")
    simulating.add_argument("--format", choices=("text", "json"), default="text")
    verb("train", _spec, _cluster, _run, _launching)
    resuming = verb("resume", _run, _launching)
    resuming.add_argument("--cluster", metavar="PAGE", help="another cluster page than the run was started on")
    resuming.add_argument("--set", action="append", default=[], metavar="a.b=c", help="override values of the page")
    resuming.add_argument("--accept", default="", metavar="PATHS", help="changed convergence fields that are meant")
    for name in ("up", "down", "jobs", "dashboard"):
        verb(name, _standing_cluster)
    calibrating = verb("calibrate", _cluster)
    calibrating.add_argument("--out", type=Path, metavar="PAGE", help="write there; default: the page itself")
    calibrating.add_argument("--rows", type=Path, metavar="CSV", help="fit to published rows instead of measuring")
    calibrating.add_argument("--ids", default="", metavar="A,B,C", help="the rows to fit to, at most five")
    calibrating.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="folder for logs")
    calibrating.add_argument("--address", metavar="HOST:PORT", help="a standing Ray cluster; default: a private one")
    verb("submit", _spec, _standing_cluster, _run, _data)
    verb("stop", _standing_cluster, _job)
    verb("logs", _standing_cluster, _job).add_argument("--no-follow", action="store_true", help="only what there is")
    comparing = verb("diff")
    comparing.add_argument("left", metavar="PAGE")
    comparing.add_argument("right", metavar="PAGE")
    preparing = verb("data", _data)
    preparing.add_argument("--mixture", default="python", help="name or page; default: python")
    preparing.add_argument("--cluster", metavar="PAGE", help="prepare on this cluster, which is up; default: on this machine")
    preparing.add_argument("--format", choices=("text", "json"), default="text")
    preparing.add_argument("--parent", type=_positive, metavar="PID", help="end when this process, which started this one, has ended")
    preparing.add_argument("--workers", type=_positive, help="processes on this machine; default: as many as it pays")
    _about_data(preparing, commands)
    reporting = verb("data-report", _data, _run)
    reporting.add_argument("--mixture", metavar="MIXTURE", help="name, page or prepared folder; default: what the run reads, else python")
    reporting.add_argument("--out", type=Path, metavar="FILE", help="default: report.html in the prepared folder, data-report.html in the run's")
    verb("schema").add_argument("--check", action="store_true", help="write nothing; exit 1 when stale")
    verb("export", _run).add_argument("--out", type=Path, required=True, help="folder to write")
    generating = verb("generate", _run)
    generating.add_argument("--source", metavar="FOLDER", help="an exported folder instead of a run")
    generating.add_argument("--prompt", required=True)
    generating.add_argument("--tokens", type=_positive, default=80)
    generating.add_argument("--temperature", type=float, default=0.8)
    generating.add_argument("--seed", type=int, default=0)
    return parser


def _about_data(parser: argparse.ArgumentParser, commands: Mapping[str, Command]) -> None:
    """The verbs beside the one that prepares."""
    verbs = parser.add_subparsers(required=False, metavar="VERB", parser_class=_Parser)

    def verb(name: str, **places: dict[str, Any]) -> argparse.ArgumentParser:
        added = _added(verbs, name, commands[f"data {name}"])
        for place, facts in places.items():
            added.add_argument(place, **facts)
        added.add_argument("--format", choices=("text", "json"), default="text")
        return added

    _run(verb("where", step={"type": _positive, "metavar": "STEP"}))
    _run(verb("seen", document={"metavar": "DOCUMENT", "help": "its id"}))
    side = {"metavar": "DATA", "help": "a prepared folder, or a mixture's name or page"}
    verb("diff", left=side, right=side)


def _added(verbs: Any, name: str, act: Command) -> argparse.ArgumentParser:
    added: argparse.ArgumentParser = verbs.add_parser(name, help=(act.__doc__ or "").splitlines()[0], description=act.__doc__)
    added.set_defaults(verb=act)
    return added


def _spec(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--spec", default=DEFAULT_SPEC, metavar="PAGE", help=f"run page; default: {DEFAULT_SPEC}")
    parser.add_argument("--set", action="append", default=[], metavar="a.b=c", help="override values of the page")


def _cluster(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cluster", default=DEFAULT_CLUSTER, metavar="PAGE", help=f"cluster page; default: {DEFAULT_CLUSTER}"
    )


def _standing_cluster(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cluster", metavar="PAGE", help=f"cluster page; default: the only cluster that is up, else {DEFAULT_CLUSTER}"
    )


def _job(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--job", metavar="ID", help="the job; default: the newest, or the only one that runs")


def _run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", metavar="NAME", help="the run's name")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="folder of runs")


def _data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="FOLDER", help="folder of prepared data")


def _launching(parser: argparse.ArgumentParser) -> None:
    _data(parser)
    parser.add_argument("--until", type=_positive, metavar="STEP", help="stop with a checkpoint after this step")
    parser.add_argument("--address", metavar="HOST:PORT", help="a standing Ray cluster; default: a private one")


def _positive(text: str) -> int:
    number = int(text) if text.strip().isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
    return number


def _counts(text: str) -> tuple[int, ...]:
    return tuple(_positive(part.replace("_", "")) for part in text.split(",") if part.strip())


class _Parser(argparse.ArgumentParser):
    """argparse with this project's way of saying what is wrong."""

    def error(self, message: str) -> Any:
        wrong = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        guess = nearest(wrong[1], re.findall(r"[\w-]+", wrong[2])) if wrong else None
        hint = f"; did you mean {guess!r}?" if guess else ""
        raise CommandError(f"{message}{hint}\n  help: {self.prog} --help")
