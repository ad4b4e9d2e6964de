"""The one console command, `orchestrate`: one thin function per verb, wired to the floors below.

Exit codes: 0 done; 2 the page or the command line is wrong; 3 the plan cannot fit this hardware; 4 the run
failed; 130 interrupted. A user's mistake prints what is wrong and the fix, never a traceback. Everything
heavy is imported inside the verb that needs it, so that `check` and `plan` answer at once.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchestrator.errors import CommandError, OrchestratorError
from orchestrator.registry import nearest
from orchestrator.units import format_duration

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_SPEC = "model_specs/llama/nano.yaml"
DEFAULT_CLUSTER = "cluster/laptop.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb; returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
        return int(options.verb(options) or 0)
    except OrchestratorError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def check(options: argparse.Namespace) -> None:
    """Validates a run page and stops: everything that does not depend on the hardware."""
    from orchestrator.errors import PageError
    from orchestrator.planning.data import mixture_of
    from orchestrator.planning.rules import check_page
    from orchestrator.spec import load_run
    from orchestrator.spec.load import placed

    loaded = load_run(options.spec, options.set)
    try:
        check_page(loaded.spec)
    except PageError as error:
        raise placed(error, loaded.page) from None
    mixture_of(loaded)
    architecture = loaded.spec.model.architecture()
    print(f"{options.spec}: good; {loaded.spec.model.family} with {architecture.parameters:,} parameters")


def plan(options: argparse.Namespace) -> int:
    """Prints what would happen; takes no node."""
    from orchestrator.errors import PlanError
    from orchestrator.launch.cluster import address_for
    from orchestrator.launch.planned import ground_for, plan_for
    from orchestrator.planning.data import mixture_of
    from orchestrator.planning.render import overflow_of, refusal, render_overflow
    from orchestrator.planning.render.formats import written
    from orchestrator.spec import load_cluster, load_run

    if options.format == "html" and not options.out and sys.stdout.isatty():
        raise CommandError("a page of HTML is no screen\n    fix: add OUT=plan.html (--out plan.html)")
    loaded, cluster = load_run(options.spec, options.set), load_cluster(options.cluster)
    mixture_of(loaded)
    grounded = ground_for(loaded, cluster, address_for(cluster.spec, name=cluster.name))
    title, width = f"{options.spec} on {options.cluster}", shutil.get_terminal_size((100, 24)).columns
    try:
        made = plan_for(loaded, grounded, cluster)
    except PlanError as error:
        found = overflow_of(error, loaded.spec, grounded)
        if options.format == "json":
            _tell(json.dumps(refusal(error, found), indent=1), options.out)
        elif found is not None:
            print(render_overflow(found, title, width=width, colour=_coloured(sys.stderr)), end="\n\n", file=sys.stderr)
        raise
    colour = options.out is None and _coloured(sys.stdout)
    _tell(written(made, title, options.format, width=width, colour=colour), options.out)
    return 0


def simulate(options: argparse.Namespace) -> None:
    """Prints what failures and checkpoints would make of the whole run; takes no node."""
    from orchestrator.launch.cluster import address_for
    from orchestrator.launch.planned import ground_for, plan_for
    from orchestrator.planning.reliability.scaling import simulate_plan
    from orchestrator.planning.reliability.screen import render
    from orchestrator.spec import load_cluster, load_run

    loaded, cluster = load_run(options.spec, options.set), load_cluster(options.cluster)
    grounded = ground_for(loaded, cluster, address_for(cluster.spec, name=cluster.name))
    found = simulate_plan(plan_for(loaded, grounded, cluster), options.devices, options.seed)
    if options.format == "json":
        print(json.dumps(found.as_dict(), indent=1))
    else:
        print(render(found, f"{options.spec} on {options.cluster}, simulated"))


def train(options: argparse.Namespace) -> int:
    """Trains a page in the foreground, to the end."""
    from orchestrator.launch import foreground

    return foreground.train(
        options.spec, options.cluster, options.set, name=options.run, places=_places(options), until=options.until,
        console=_console(),
    )  # fmt: skip


def resume(options: argparse.Namespace) -> int:
    """Continues a run from its newest good checkpoint."""
    from orchestrator.launch import foreground

    return foreground.resume(
        options.run, options.cluster, options.set, places=_places(options), until=options.until,
        accepted=options.accept.split(), console=_console(),
    )  # fmt: skip


def diff(options: argparse.Namespace) -> None:
    """Prints which values two run pages hold differently, and which of them make another experiment."""
    from orchestrator.spec import load_run
    from orchestrator.spec.compare import diff as compare

    found = compare(load_run(options.left).spec, load_run(options.right).spec)
    for kind in ("convergence", "length", "execution", "description"):
        for change in (change for change in found if change.kind == kind):
            print(f"{kind:<12}{change.path}: {json.dumps(change.left)} -> {json.dumps(change.right)}")
    if not found:
        print("no difference")


def data(options: argparse.Namespace) -> None:
    """Prepares a mixture's token shards, or shows that they are ready."""
    from data_pipeline.mixture import load_mixture
    from data_pipeline.prepare import prepare, status
    from data_pipeline.screen import Screen
    from data_pipeline.summary import table_of
    from data_pipeline.work.parents import live_with
    from orchestrator.launch.preparing import executor_for

    if options.parent:
        live_with(options.parent)
    mixture, cache = load_mixture(options.mixture), options.data.absolute()
    console = _console(stderr=options.format == "json")
    with Screen(console) as screen:
        doer = executor_for(mixture, cache, cluster=options.cluster, workers=options.workers)
        prepared = prepare(mixture, cache, screen.say, doer)
    if options.format == "json":
        print(json.dumps(status(mixture, cache), indent=1, default=str, ensure_ascii=False))
    else:
        console.print(table_of(prepared))


def data_where(options: argparse.Namespace) -> None:
    """Prints which documents were, or will be, in the global batch of a step."""
    from orchestrator.training.create import find_run
    from orchestrator.training.lineage import feed_of, told_of_batch, where

    feed = feed_of(find_run(options.runs, options.run))
    fed = where(feed, options.step)
    print(json.dumps(asdict(fed), indent=1, ensure_ascii=False) if options.format == "json" else told_of_batch(feed, fed))


def data_seen(options: argparse.Namespace) -> None:
    """Prints the steps of a run that train on a document."""
    from orchestrator.training.create import find_run
    from orchestrator.training.lineage import feed_of, seen, told_of_document

    feed = feed_of(find_run(options.runs, options.run))
    found = list(seen(feed, options.document))
    if options.format == "json":
        rows = [{**asdict(document), "steps": [asdict(each) for each in steps]} for document, steps in found]
        print(json.dumps(rows, indent=1, ensure_ascii=False, default=str))
    else:
        print(*(told_of_document(feed, document, steps) for document, steps in found), sep="\n")


def data_diff(options: argparse.Namespace) -> None:
    """Prints what differs between two prepared folders, or between two mixtures."""
    from data_pipeline.differences import differences

    found = differences(options.left, options.right)
    if options.format == "json":
        print(json.dumps([asdict(each) for each in found], indent=1, ensure_ascii=False, default=str))
    else:
        print("\n".join(map(str, found)) or "no difference")


def data_report(options: argparse.Namespace) -> None:
    """Writes what became of a mixture's documents as a page of HTML, and a Croissant data card beside it."""
    from data_pipeline.screen import Screen
    from orchestrator.launch.data_report import report_of_mixture, report_of_run
    from orchestrator.training.create import find_run

    with Screen(_console()) as screen:
        if options.run:
            run = find_run(options.runs, options.run)
            written = report_of_run(run, options.mixture, options.data, options.out, screen.say)
        else:
            written = report_of_mixture(options.mixture or "python", options.data, options.out, screen.say)
    for path in written:
        print(f"written to {path}")


def schema(options: argparse.Namespace) -> int:
    """Writes the JSON Schemas of both pages; with --check, only tells whether they are up to date."""
    from orchestrator.spec.schema import cluster_schema, run_schema

    stale = []
    targets = {Path("model_specs/run.schema.json"): run_schema(), Path("cluster/cluster.schema.json"): cluster_schema()}
    for path, value in targets.items():
        text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
        if (ROOT / path).exists() and (ROOT / path).read_text("utf-8") == text:
            continue
        stale.append(path)
        if not options.check:
            (ROOT / path).write_text(text, "utf-8")
    print(f"{'stale' if options.check else 'written'}: {', '.join(map(str, stale))}" if stale else "schemas are up to date")
    return 1 if stale and options.check else 0


def calibrate(options: argparse.Namespace) -> int:
    """Measures this hardware, or fits to published rows, and writes a cluster page's calibration."""
    from orchestrator.launch.calibrate import calibrate as measure

    ids = [each for each in re.split(r"[,\s]+", options.ids) if each]
    console = _console()
    return measure(
        Path(options.cluster), out=options.out, runs=options.runs, address=options.address, rows=options.rows, ids=ids,
        say=lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True),
    )  # fmt: skip


def up(options: argparse.Namespace) -> None:
    """Starts the Ray cluster of a cluster page on this machine."""
    from orchestrator.launch import cluster
    from orchestrator.spec import load_cluster

    page = load_cluster(options.cluster or DEFAULT_CLUSTER)
    standing = cluster.up(page.spec, name=page.name)
    print(f"dashboard  {standing.dashboard}")
    for address in standing.metrics:
        print(f"metrics    {address}")


def down(options: argparse.Namespace) -> None:
    """Stops it, and nothing else."""
    from orchestrator.launch import cluster
    from orchestrator.launch.remote import cluster_page
    from orchestrator.spec import load_cluster

    cluster.down(load_cluster(cluster_page(options.cluster, DEFAULT_CLUSTER)).name)


def submit(options: argparse.Namespace) -> None:
    """Submits a run as a Ray job to a cluster that is up."""
    from orchestrator.launch.remote import cluster_page
    from orchestrator.launch.remote import submit as send

    page = cluster_page(options.cluster, DEFAULT_CLUSTER)
    sent = send(options.spec, page, options.set, name=options.run, runs=options.runs, data=options.data, root=ROOT)
    print(f"job        {sent.job}\nrun        {options.runs / sent.run}\ndashboard  {sent.dashboard}/#/jobs/{sent.job}")
    print(f"next: make logs JOB={sent.job}   make stop JOB={sent.job}   make jobs")


def jobs(options: argparse.Namespace) -> None:
    """Lists the jobs of a cluster, the newest first."""
    from orchestrator.launch.jobs import jobs as known

    for job in known(_standing(options)):
        seconds = (job.ended or time.time()) - job.started if job.started else 0.0
        words = (job.status, format_duration(round(seconds)), job.metadata.get("spec", ""), job.metadata.get("plan", ""))
        print(f"{job.id:<36} {words[0]:<10} {words[1]:<8} {words[2]}  {words[3]}")


def logs(options: argparse.Namespace) -> None:
    """Prints a job's output, following it to its end."""
    from orchestrator.launch.jobs import logs as output
    from orchestrator.launch.remote import chosen_job

    standing = _standing(options)
    for text in output(standing, chosen_job(standing, options.job, running=False), follow=not options.no_follow):
        print(text, end="", flush=True)


def stop(options: argparse.Namespace) -> None:
    """Stops a job after it has saved a checkpoint."""
    from orchestrator.launch.jobs import stop as end
    from orchestrator.launch.remote import chosen_job

    standing = _standing(options)
    job = end(standing, chosen_job(standing, options.job, running=True))
    print(f"continue with: make resume RUN={job.metadata.get('run', '...')}")


def dashboard(options: argparse.Namespace) -> None:
    """Prints the addresses of a cluster's dashboard and metrics."""
    standing = _standing(options)
    print(standing.dashboard, *standing.metrics, sep="\n")


def export(options: argparse.Namespace) -> None:
    """Writes a run as a Hugging Face folder."""
    from orchestrator.training.create import find_run
    from orchestrator.training.export import export as write

    step = write(find_run(options.runs, options.run), options.out)
    print(f"step {step:,} of {options.run} written to {options.out}; transformers loads it with AutoModelForCausalLM")


def generate(options: argparse.Namespace) -> None:
    """Prints text from a run or an exported folder."""
    from orchestrator.training.create import find_run
    from orchestrator.training.generate import generate as write

    source = Path(options.source) if options.source else find_run(options.runs, options.run)
    print(write(source, options.prompt, tokens=options.tokens, temperature=options.temperature, seed=options.seed))


def _tell(text: str, out: Path | None) -> None:
    """On the screen, in signs that it has; or into a file."""
    from orchestrator.planning.render.lines import as_ascii

    if out is not None:
        out.write_text(text + "\n", "utf-8")
        print(f"written to {out}")
    else:
        print(text if "utf" in (sys.stdout.encoding or "").lower() else as_ascii(text))


def _coloured(stream: Any) -> bool:
    """Whether a stream is a terminal whose reader wants colour (no-color.org)."""
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _places(options: argparse.Namespace) -> Any:
    from orchestrator.launch.foreground import Places

    return Places(runs=options.runs, data=options.data, address=options.address)


def _standing(options: argparse.Namespace) -> Any:
    from orchestrator.launch.remote import cluster_page, standing_cluster

    return standing_cluster(cluster_page(options.cluster, DEFAULT_CLUSTER))


def _console(*, stderr: bool = False) -> Any:
    from rich.console import Console

    return Console(stderr=stderr)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="orchestrate", description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(required=True, metavar="VERB", parser_class=_Parser)

    def verb(name: str, act: Callable[[argparse.Namespace], Any], *groups: Callable[[argparse.ArgumentParser], None]) -> argparse.ArgumentParser:  # fmt: skip
        added = verbs.add_parser(name, help=(act.__doc__ or "").splitlines()[0], description=act.__doc__)
        added.set_defaults(verb=act)
        for group in groups:
            group(added)
        return added

    verb("check", check, _spec)
    planning = verb("plan", plan, _spec, _cluster)
    planning.add_argument("--format", choices=("text", "json", "html"), default="text")
    planning.add_argument("--out", type=Path, metavar="FILE", help="write there instead of on the screen")
    simulating = verb("simulate", simulate, _spec, _cluster)
    simulating.add_argument("--devices", type=_counts, default="8,64,512,4096,16384,32768,100000", metavar="LIST",
                            help="device counts of the scaling table, such as 8,1024,100000")  # fmt: skip
    simulating.add_argument("--seed", type=int, default=0, help="the first of the seeds")
    simulating.add_argument("--format", choices=("text", "json"), default="text")
    verb("train", train, _spec, _cluster, _run, _launching)
    resuming = verb("resume", resume, _run, _launching)
    resuming.add_argument("--cluster", metavar="PAGE", help="another cluster page than the run was started on")
    resuming.add_argument("--set", action="append", default=[], metavar="a.b=c", help="override values of the page")
    resuming.add_argument("--accept", default="", metavar="PATHS", help="changed convergence fields that are meant")
    for name, act in (("up", up), ("down", down), ("jobs", jobs), ("dashboard", dashboard)):
        verb(name, act, _standing_cluster)
    calibrating = verb("calibrate", calibrate, _cluster)
    calibrating.add_argument("--out", type=Path, metavar="PAGE", help="write there; default: the page itself")
    calibrating.add_argument("--rows", type=Path, metavar="CSV", help="fit to published rows instead of measuring")
    calibrating.add_argument("--ids", default="", metavar="A,B,C", help="the rows to fit to, at most five")
    calibrating.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="folder for logs")
    calibrating.add_argument("--address", metavar="HOST:PORT", help="a standing Ray cluster; default: a private one")
    verb("submit", submit, _spec, _standing_cluster, _run, _data)
    verb("stop", stop, _standing_cluster, _job)
    verb("logs", logs, _standing_cluster, _job).add_argument("--no-follow", action="store_true", help="only what there is")
    comparing = verb("diff", diff)
    comparing.add_argument("left", metavar="PAGE")
    comparing.add_argument("right", metavar="PAGE")
    preparing = verb("data", data, _data)
    preparing.add_argument("--mixture", default="python", help="name or page; default: python")
    preparing.add_argument("--cluster", metavar="PAGE", help="prepare on this cluster, which is up; default: on this machine")
    preparing.add_argument("--format", choices=("text", "json"), default="text")
    preparing.add_argument("--parent", type=_positive, metavar="PID", help="end when this process, which started this one, has ended")
    preparing.add_argument("--workers", type=_positive, help="processes on this machine; default: as many as it pays")
    _about_data(preparing)
    reporting = verb("data-report", data_report, _data, _run)
    reporting.add_argument("--mixture", metavar="MIXTURE", help="name, page or prepared folder; default: what the run reads, else python")
    reporting.add_argument("--out", type=Path, metavar="FILE", help="default: report.html in the prepared folder, data-report.html in the run's")
    verb("schema", schema).add_argument("--check", action="store_true", help="write nothing; exit 1 when stale")
    verb("export", export, _run).add_argument("--out", type=Path, required=True, help="folder to write")
    generating = verb("generate", generate, _run)
    generating.add_argument("--source", metavar="FOLDER", help="an exported folder instead of a run")
    generating.add_argument("--prompt", required=True)
    generating.add_argument("--tokens", type=_positive, default=80)
    generating.add_argument("--temperature", type=float, default=0.8)
    generating.add_argument("--seed", type=int, default=0)
    return parser


def _about_data(parser: argparse.ArgumentParser) -> None:
    """The verbs beside the one that prepares."""
    verbs = parser.add_subparsers(required=False, metavar="VERB", parser_class=_Parser)

    def verb(name: str, act: Callable[[argparse.Namespace], Any], **places: dict[str, Any]) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=(act.__doc__ or "").splitlines()[0], description=act.__doc__)
        added.set_defaults(verb=act)
        for place, facts in places.items():
            added.add_argument(place, **facts)
        added.add_argument("--format", choices=("text", "json"), default="text")
        return added

    _run(verb("where", data_where, step={"type": _positive, "metavar": "STEP"}))
    _run(verb("seen", data_seen, document={"metavar": "DOCUMENT", "help": "its id"}))
    side = {"metavar": "DATA", "help": "a prepared folder, or a mixture's name or page"}
    verb("diff", data_diff, left=side, right=side)


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


if __name__ == "__main__":
    sys.exit(main())
