"""A run that trains while its data is prepared takes the samples of one for which all was prepared before."""

from __future__ import annotations

import json
import random
import shutil
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from data_pipeline.admitted import NAME
from data_pipeline.mixture import load_mixture
from data_pipeline.prepare import prepare
from data_pipeline.stored.live import Live
from orchestrator.spec import ClusterSpec, load_cluster, load_run
from orchestrator.training import worker
from orchestrator.training.create import create_run, write_execution, write_hardware
from orchestrator.training.lineage import feed_of, where
from orchestrator.training.rundir import RunDir, read_lines
from orchestrator.training.worker import train
from tests.data_pipeline.build.conftest import WORDS
from tests.distributed import run_distributed
from tests.training.runs import CLUSTER, PAGE, events, losses

MIXTURE = """
sources:
  - {name: notes, kind: files, paths: notes/*.jsonl, weight: 0.7}
  - {name: letters, kind: files, paths: letters/*.jsonl, weight: 0.3}
tokenizer: {train: byte_bpe, vocab_size: 320, sample: 1MB}
validation: {fraction: 0.1}
block: 4KB
"""


class Streaming:
    """Pages, and a prepared folder of which any number of first waves can be shown to a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        chance = random.Random(5)
        for name in ("notes", "letters"):
            (folder / name).mkdir()
            for part in range(8):
                texts = [" ".join(chance.choices(WORDS, k=chance.randint(20, 60))) for _ in range(24)]
                (folder / name / f"{part}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        (folder / "mixture.yaml").write_text(MIXTURE)
        page = PAGE.replace("MIXTURE", str(folder / "mixture.yaml")).replace("sequence_length: 32", "sequence_length: 32, live: true")
        (folder / "page.yaml").write_text(page)
        (folder / "cluster.yaml").write_text(CLUSTER)
        self.whole = prepare(load_mixture(folder / "mixture.yaml"), folder / "data").folder

    def start(self, name: str, *, waves: int | None = None, until: int | None = None) -> RunDir:
        loaded, cluster = load_run(self.folder / "page.yaml", ["training.steps=30"]), load_cluster(self.folder / "cluster.yaml")
        run = create_run(self.folder / "runs", name, loaded, cluster)
        write_hardware(run, ClusterSpec.model_validate(cluster.spec))
        data = self.whole if waves is None else self.folder / "shown" / name
        if waves is not None:
            self.show(name, waves)
        write_execution(run, data=data, overrides=(), until=until, accepted=())
        return run

    def show(self, name: str, waves: int) -> None:
        shown = self.folder / "shown" / name
        lines = (self.whole / NAME).read_text().splitlines()[: waves + 1]
        for line in lines[1:]:
            for file in json.loads(line)["files"]:
                (shown / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.whole / file, shown / file)
        partial = shown / "partial"
        partial.write_text("".join(f"{line}\n" for line in lines))
        partial.replace(shown / NAME)


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory) -> Streaming:
    return Streaming(tmp_path_factory.mktemp("streaming"))


@pytest.fixture(scope="module")
def straight(streaming: Streaming) -> RunDir:
    """All was prepared before."""
    run = streaming.start("straight")
    assert train(str(run.path))["outcome"] == "finished"
    return run


def ledger(run: RunDir) -> list[dict[str, Any]]:
    return list(read_lines(run.ledger))


def validated(run: RunDir) -> list[float]:
    return [event["loss"] for event in events(run, "validated")]


def test_all_waves_are_needed_and_on_record(straight: RunDir) -> None:
    assert [event["wave"] for event in events(straight, "admitted")] == [1, 2, 3, 4]
    assert len(losses(straight)) == 30


def test_a_run_waits_for_each_wave_and_takes_the_same_steps(streaming: Streaming, straight: RunDir) -> None:
    run = streaming.start("waves", waves=1)
    result: dict[str, Any] = {}
    thread = threading.Thread(target=lambda: result.update(train(str(run.path))))
    thread.start()
    stood = []
    for waves in (2, 3, 4):
        stood.append(_where_it_stands(run))
        streaming.show("waves", waves)
    thread.join(120)
    assert result["outcome"] == "finished", result
    assert 0 < stood[0] < stood[1] < stood[2] < 30
    assert losses(run) == losses(straight)
    assert ledger(run) == ledger(straight)
    assert validated(run) == validated(straight)
    recorded = [(event["wave"], event["digest"]) for event in events(run, "admitted")]
    assert recorded == [(event["wave"], event["digest"]) for event in events(straight, "admitted")]
    waits = [record["data_wait_s"] for record in read_lines(run.metrics)]
    assert all(waits[step] > max(waits[step - 3 : step]) for step in stood)
    assert all(record["step_time_s"] >= record["data_wait_s"] for record in read_lines(run.metrics))


def _where_it_stands(run: RunDir) -> int:
    """Its last step, when it takes no more."""
    seen, since = 0, time.monotonic()
    while not seen or time.monotonic() - since < 1.5:
        now = len(list(read_lines(run.metrics)))
        if now != seen:
            seen, since = now, time.monotonic()
        time.sleep(0.05)
    return seen


def test_a_run_that_waits_hears_the_request_to_stop_and_goes_on_later(streaming: Streaming, straight: RunDir) -> None:
    run = streaming.start("stopped", waves=1)
    thread = threading.Thread(target=train, args=(str(run.path),))
    thread.start()
    stood = _where_it_stands(run)
    run.stop.touch()
    thread.join(20)
    assert not thread.is_alive()
    assert events(run, "interrupted")[-1]["step"] == stood
    run.stop.unlink()
    streaming.show("stopped", 4)
    assert train(str(run.path))["outcome"] == "finished"
    assert losses(run) == losses(straight)
    assert ledger(run) == ledger(straight)


@pytest.mark.slow
def test_two_ranks_wait_together(streaming: Streaming, straight: RunDir) -> None:
    run = streaming.start("two", waves=1)
    thread = threading.Timer(15, streaming.show, ("two", 4))
    thread.start()
    run_distributed(train, 2, str(run.path))
    thread.join()
    assert losses(run) == pytest.approx(losses(straight), rel=0, abs=1e-5)
    assert ledger(run) == ledger(straight)


def test_a_run_for_which_nobody_prepares_says_so(streaming: Streaming, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "Live", partial(Live, patience=0.0))
    run = streaming.start("dead", waves=2)
    ended = train(str(run.path))
    assert ended["exit_code"] == 4
    assert "has 2 waves of shards, the run needs more, and nobody has prepared any" in ended["message"]


def test_data_prepared_again_otherwise_is_refused(streaming: Streaming) -> None:
    run = streaming.start("changed", waves=2, until=4)
    assert train(str(run.path))["outcome"] == "paused"
    path = streaming.folder / "shown" / "changed" / NAME
    lines = path.read_text().splitlines()
    [tokenizer] = [facts[1] for name, facts in json.loads(lines[1])["files"].items() if name == "tokenizer.json"]
    path.write_text("\n".join([lines[0], lines[1].replace(tokenizer, "0" * 64), *lines[2:]]) + "\n")
    ended = train(str(run.path))
    assert "wave 1 in" in ended["message"]
    assert "the data was prepared again, and came out otherwise" in ended["message"]


def test_what_a_live_run_was_fed_is_told_afterwards(streaming: Streaming, straight: RunDir) -> None:
    feed = feed_of(straight)
    assert all(where(feed, step).on_record for step in (1, 15, 30))
