"""`make bench-planner`: reads rows, fits, judges and prints; benchmarks/planner/__init__.py says what is judged."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.planner.bands import bands_from
from benchmarks.planner.estimates import judge
from benchmarks.planner.peers import peers_of, prepare
from benchmarks.planner.report import as_data, render
from benchmarks.planner.verdict import verdict_of
from orchestrator.errors import OrchestratorError
from orchestrator.planning.published import Run, Unusable, read_runs
from orchestrator.planning.published.bands import FILE, dump

HERE = Path(__file__).parent
SHIPPED = (HERE / "published_runs.csv", HERE / "vtrain_single_node.csv")


def main(arguments: Sequence[str] | None = None) -> int:
    said = _parser().parse_args(arguments)
    try:
        if said.install_peers:
            prepare(said.install_peers)
            return 0
        shipped, unusable = _read(SHIPPED)
        runs = shipped
        if files := [Path(name) for name in said.rows]:
            runs, unusable = _read(files)
        if not runs:
            print("no usable rows", file=sys.stderr)
        judged = judge(runs, shipped)
        for name, estimates in peers_of(judged.runs, python=said.peers, calculon=said.calculon).items():
            judged.estimates[name] = estimates
    except OrchestratorError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    verdict = verdict_of(judged)
    if said.json:
        print(json.dumps(as_data(verdict, judged, unusable), indent=1))
    else:
        print(render(verdict, judged, unusable, everything=bool(said.rows)))
    if said.write_bands:
        FILE.write_text(dump(bands_from(judged, datetime.date.today().isoformat())), "utf-8")
    return 1 if said.strict and not verdict.met else 0


def _read(files: Sequence[Path]) -> tuple[list[Run], list[Unusable]]:
    runs: list[Run] = []
    unusable: list[Unusable] = []
    for file in files:
        usable, left_out = read_runs(file)
        runs, unusable = runs + usable, unusable + left_out
    times: Counter[str] = Counter()
    for place, run in enumerate(runs):
        times[run.id] += 1
        # Rows of two files may bear one name; what was fitted is known by it.
        if times[run.id] > 1:
            runs[place] = replace(run, id=f"{run.id}#{times[run.id]}")
    return runs, unusable


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-planner", description="the planner's estimates beside published measurements")
    parser.add_argument("--rows", nargs="*", default=[], metavar="FILE", help="CSVs to judge instead of those that ship")
    parser.add_argument("--json", action="store_true", help="print data, with every row's estimates")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where a target is missed")
    parser.add_argument("--write-bands", action="store_true", help=f"renew {FILE.name}, which plans read")
    parser.add_argument("--peers", type=Path, metavar="VENV", help="also ask the planners installed there")
    parser.add_argument("--calculon", type=Path, metavar="PATH", help="also ask a checkout of github.com/calculon-ai/calculon")
    parser.add_argument("--install-peers", type=Path, metavar="VENV", help="make that environment, and stop")
    return parser


if __name__ == "__main__":
    sys.exit(main())
