"""A run that trains while its data is prepared, under kill -9: what comes out is what an undisturbed one gives.

    python -m benchmarks.live_faults [--kills 10] [--steps 160] [--ranks 1] [--ray] [--seed 0]

Each trial starts a run on a page with `data.live` and at a random moment of its training kills the command, torchrun and every
worker, or, each third time, no worker. What is not killed, the preparation among it, has to end by itself; when nothing is
left, the run is resumed. A trial whose run had taken its last step does not count and is made again. Held against a run that
nobody disturbed: loss, gradient norm and learning rate of every step to the last bit, the ledger, the waves on record, every
validation and every prepared file, byte for byte. The texts are those of the Python installation, in many small blocks, so
that waves come while the run trains.

Workers are started by torchrun beside the preparation, as `train` does it; with --ray by `train` and `resume` themselves.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.data_faults.trials import contents
from data_pipeline.admitted import read_admitted
from data_pipeline.alive import NAME
from data_pipeline.mixture import load_mixture
from data_pipeline.prepare import folder_of, prepare, request_key
from orchestrator.launch.ground import ground
from orchestrator.launch.machine import this_machine
from orchestrator.launch.processes import Process, identify, mentioning, wait_gone, with_descendants
from orchestrator.launch.streaming import streamed
from orchestrator.spec import load_cluster, load_run
from orchestrator.training.callbacks.admissions import ADMITTED
from orchestrator.training.create import create_run, write_execution, write_hardware
from orchestrator.training.rundir import RunDir, last_line, read_lines

SOURCES = """
sources:
  - {name: code, kind: files, paths: code/*.jsonl, weight: 0.7, steps: [redact_personal_data]}
  - {name: stubs, kind: files, paths: stubs/*.jsonl, weight: 0.3, steps: [redact_personal_data]}
validation: {fraction: 0.05}
block: 4KB
"""
SMALL = (
    "parallelism.engine={engine} parallelism.data={ranks} model.layers=2 model.hidden_size=64 model.ffn_size=160 data.sequence_length=128 data.live=true data.mixture={mixture}"
    " training.steps={steps} training.batch.sequences=32 training.validation.every=40 training.validation.baseline=null"
    " training.sample=null checkpoint.every=10 tracking.wandb=null"
)
GONE_S = 60.0
FILES, LARGEST = 240, 60_000  # of the texts; many of a few blocks, so that every wave has some of each source


@dataclass(frozen=True, kw_only=True)
class Site:
    """Pages, and the command that begins or continues the run of a trial."""

    folder: Path
    steps: int
    ranks: int
    ray: bool

    @property
    def mixture(self) -> Path:
        return self.folder / "stream.yaml"

    def command(self, trial: str) -> list[str]:
        engine = "reference" if self.ranks == 1 else "deepspeed"
        said = SMALL.format(mixture=self.mixture, steps=self.steps, ranks=self.ranks, engine=engine)
        run = self.run(trial)
        places = ["--runs", str(run.path.parent), "--data", str(self.data(trial)), "--run", run.name]
        verb = "resume" if run.execution.exists() else "train"
        if self.ray:
            return [sys.executable, "-m", "orchestrator.cli", verb, *places, *(["--set", said] if verb == "train" else [])]
        if verb == "train":
            begin(run, said, self.mixture, self.data(trial))
        return [sys.executable, "-m", "benchmarks.live_faults", "--launch", str(self.mixture), str(run.path), str(self.ranks)]

    def run(self, trial: str) -> RunDir:
        return RunDir(self.folder / trial / "live")

    def data(self, trial: str) -> Path:
        return self.folder / trial / "data"

    def prepared(self, trial: str) -> Path:
        """The folder, prepared to its end if the run did not need all of it."""
        return prepare(load_mixture(self.mixture), self.data(trial)).folder


def begin(run: RunDir, said: str, mixture: Path, data: Path) -> None:
    """The folder of a new run, as `train` makes it."""
    hardware = load_cluster("cluster/laptop.yaml")
    loaded = load_mixture(mixture)
    create_run(run.path.parent, run.name, load_run("model_specs/llama/nano.yaml", said), hardware)
    write_hardware(run, ground(hardware.spec, this_machine()))
    write_execution(run, data=folder_of(loaded, data, request_key(loaded)), overrides=[said], until=None, accepted=())


def launch(mixture: str, run: Path, ranks: str) -> int:
    """The preparation and the workers, as `train` starts them, without Ray."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", ranks]
    with streamed(mixture, load_mixture(mixture), run.parent / "data", print):
        return subprocess.run(
            [*torchrun, "-m", "orchestrator.training", str(run)], check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        ).returncode  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run left behind, as far as it may not depend on when anything happened."""

    steps: list[list[Any]]
    ledger: bytes
    waves: list[list[Any]]
    validated: list[list[Any]]
    files: dict[str, str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--launch", nargs=3, metavar=("MIXTURE", "RUN", "RANKS"), help="what each trial starts")
    options = parser.parse_args()
    if options.launch:
        return launch(options.launch[0], Path(options.launch[1]), options.launch[2])
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="live-faults-") as name:
        site = Site(folder=write_pages(Path(name)), steps=options.steps, ranks=options.ranks, ray=options.ray)
        began = time.monotonic()
        came = undisturbed(site)
        lasted = time.monotonic() - began
        expected = result_of(site, "undisturbed")
        print(f"undisturbed: {lasted:.0f} s, {len(expected.steps)} steps, {len(expected.files)} files; waves after step {came}", flush=True)
        print("trial  killed after  at step  waves  left alive  exit  losses  ledger  waves  validation  files")
        bad = trial = 0
        while trial < options.kills:
            good = disturbed(site, f"trial-{trial}", chance.uniform(2.0, lasted), expected, alone=trial % 3 == 2)
            if good is None:
                shutil.rmtree(site.folder / f"trial-{trial}")
                continue
            bad, trial = bad + (not good), trial + 1
    print(f"{options.kills - bad} of {options.kills} byte-identical")
    return 1 if bad else 0


def write_pages(folder: Path) -> Path:
    """Texts, a tokenizer that is there from the start, and the page whose waves come one after another."""
    library = Path(sysconfig.get_paths()["stdlib"])
    paths = [path for path in sorted(library.rglob("*.py")) if not {"site-packages", "test", "tests"} & set(path.parts)]
    texts = [path.read_text("utf-8", "replace") for path in paths if path.stat().st_size < LARGEST][:FILES]
    for name, chosen in (("code", texts[::2]), ("stubs", texts[1::2])):
        (folder / name).mkdir()
        for number, text in enumerate(chosen):
            pieces = [text[start : start + 2000] for start in range(0, len(text), 2000)]
            (folder / name / f"{number:04}.jsonl").write_text("".join(json.dumps({"text": piece}) + "\n" for piece in pieces), "utf-8")
    (folder / "first.yaml").write_text(SOURCES + "tokenizer: {train: byte_bpe, vocab_size: 512, sample: 1MB}\n".replace("4KB", "1GB"))
    made = prepare(load_mixture(folder / "first.yaml"), folder / "first")
    shutil.copyfile(made.tokenizer_path, folder / "tokenizer.json")
    (folder / "stream.yaml").write_text(SOURCES + "tokenizer: {file: tokenizer.json}\n")
    return folder


def undisturbed(site: Site) -> list[int]:
    """Trains to the end; the step at which each wave was first read."""
    ended = subprocess.run(site.command("undisturbed"), capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"the undisturbed run ended with {ended.returncode}:\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}")
    return [event["step"] for event in read_lines(site.run("undisturbed").events) if event["event"] == ADMITTED]


def disturbed(site: Site, trial: str, moment: float, expected: Result, *, alone: bool) -> bool | None:
    """One run, killed once and resumed; prints how it compares. None when there was nothing left to kill.

    alone: no worker is killed; torchrun gives each a session of its own.
    """
    out = site.folder / f"{trial}.out"
    run = site.run(trial)
    with out.open("w") as file:
        process = subprocess.Popen(site.command(trial), stdout=file, stderr=file, start_new_session=True)
        time.sleep(moment)
        prepares = preparing(site, trial)
        family = with_descendants(filter(None, [identify(process.pid)])) | prepares
        os.killpg(process.pid, signal.SIGKILL)
        for each in set() if alone else family - prepares:
            with suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGKILL)
        process.wait()
        last = last_line(run.metrics)
        step = last["step"] if last else 0
        waves = read_admitted(folders[0]) if (folders := list(site.data(trial).glob("stream-*"))) else None
        left = wait_gone(family | mentioning(str(run.path)), GONE_S)
        if step == site.steps:
            return None
        code = subprocess.run(site.command(trial), stdout=file, stderr=file, check=False).returncode
    found = result_of(site, trial)
    # A run reads of a wave when it needs it, or later: how many it knows at its end is no part of the result.
    verdicts = {
        "steps": found.steps == expected.steps, "ledger": found.ledger == expected.ledger,
        "waves": all(ours == theirs for ours, theirs in zip(found.waves, expected.waves, strict=False)),
        "validated": found.validated == expected.validated, "files": found.files == expected.files,
    }  # fmt: skip
    shown = "  ".join(f"{'equal' if same else 'DIFFER':<{width}}" for same, width in zip(verdicts.values(), (6, 6, 5, 10, 5), strict=True))
    print(
        f"{trial.partition('-')[2]:<7}{moment:<14.1f}{step:<9}{len(waves.waves) if waves else 0:<7}{len(left):<12}{code:<6}{shown}",
        flush=True,
    )
    good = code == 0 and not left and all(verdicts.values())
    if not good:
        print(out.read_text()[-3000:])
    return good


def preparing(site: Site, trial: str) -> set[Process]:
    """The preparation, which has a session of its own and has to end by itself."""
    found = [json.loads(path.read_bytes())["pid"] for path in site.data(trial).glob(f"*/{NAME}")]
    return {process for pid in found if (process := identify(pid))}


def result_of(site: Site, trial: str) -> Result:
    run = site.run(trial)
    events: Sequence[dict[str, Any]] = list(read_lines(run.events))
    return Result(
        steps=[[record[key] for key in ("step", "tokens", "loss", "grad_norm", "lr")] for record in read_lines(run.metrics)],
        ledger=run.ledger.read_bytes(),
        waves=[[event["wave"], event["digest"]] for event in events if event["event"] == ADMITTED],
        validated=sorted({(event["step"], event["loss"]) for event in events if event["event"] == "validated"}),
        files=contents(site.prepared(trial)),
    )


if __name__ == "__main__":
    sys.exit(main())
