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
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchestrator.arguments import DEFAULT_CLUSTER, Command, parser_of
from orchestrator.errors import CommandError, OrchestratorError
from orchestrator.units import format_duration

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb; returns the exit code."""
    try:
        options = parser_of(COMMANDS, about=__doc__.splitlines()[0]).parse_args(arguments)
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


COMMANDS: dict[str, Command] = {
    "check": check, "plan": plan, "simulate": simulate, "train": train, "resume": resume, "up": up, "down": down, "jobs": jobs,
    "dashboard": dashboard, "calibrate": calibrate, "submit": submit, "stop": stop, "logs": logs, "diff": diff, "data": data,
    "data where": data_where, "data seen": data_seen, "data diff": data_diff, "data-report": data_report, "schema": schema,
    "export": export, "generate": generate,
}  # fmt: skip
"""What each verb does; arguments.py says what it takes."""


if __name__ == "__main__":
    sys.exit(main())
