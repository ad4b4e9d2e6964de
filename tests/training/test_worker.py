"""A run is one curve, however often and on whatever layout it is continued."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_pipeline.files import lock
from data_pipeline.order.best_fit import Packing
from orchestrator.training import writer
from orchestrator.training.checkpoint.manifest import Manifest, read_manifest, steps_on_disk
from orchestrator.training.lineage import feed_of
from orchestrator.training.rundir import RunDir, append_line, read_lines
from orchestrator.training.worker import train
from tests.distributed import run_distributed
from tests.training.runs import Site, events, ledger_samples, losses

REFERENCE = "parallelism.engine=reference"
LAYOUTS = {
    "reference": (1, [REFERENCE, "parallelism.data=auto parallelism.zero=auto"]),
    "zero0 x2": (2, ["parallelism.engine=deepspeed parallelism.data=2 parallelism.zero=0"]),
    "zero1 x2": (2, ["parallelism.engine=deepspeed parallelism.data=2 parallelism.zero=1"]),
    "zero3 x2": (2, ["parallelism.engine=deepspeed parallelism.data=2 parallelism.zero=3"]),
}  # fmt: skip


def run_ranks(run: RunDir, world_size: int) -> dict[str, Any]:
    """Trains `run` on `world_size` ranks; what rank 0 returned."""
    if world_size == 1:
        return train(str(run.path))
    return run_distributed(train, world_size, str(run.path))[0]


@pytest.fixture(scope="module")
def straight(site: Site) -> RunDir:
    """The undisturbed run that others are held against."""
    run = site.start("straight", REFERENCE)
    assert train(str(run.path)) == {"outcome": "finished", "message": "", "exit_code": 0, "step": 12}
    return run


def test_a_finished_run_leaves_everything_it_promises(straight: RunDir) -> None:
    for path in (straight.spec, straight.resolved, straight.cluster, straight.plan, straight.events, straight.ledger):
        assert path.exists(), path
    assert len(losses(straight)) == 12
    assert losses(straight)[-1] < losses(straight)[0]
    assert steps_on_disk(straight.checkpoints) == [12, 8, 4]
    keys = {
        "step", "tokens", "loss", "grad_norm", "lr", "step_time_s", "tokens_per_s", "tflops_per_device", "mfu",
        "memory_gb", "data_wait_s", "attempt",
    }  # fmt: skip
    assert all(set(record) == keys for record in read_lines(straight.metrics))
    assert [event["step"] for event in events(straight, "validated")] == [6, 12]
    assert events(straight, "baseline")[0]["validation_loss"] == events(straight, "validated")[-1]["loss"]
    assert len(events(straight, "sampled")) == 1


def pack_badly(lengths: np.ndarray, capacity: int) -> Packing:
    """A piece a sample, many of them short: best fit would leave hardly any padding."""
    sizes, pieces = cycle((capacity, 4, capacity, 19, 2)), []
    for document, length in enumerate(lengths.tolist()):
        start = 0
        while start < length:
            pieces.append((document, start, min(start + next(sizes), length)))
            start = pieces[-1][2]
    return Packing(pieces=np.array(pieces, dtype=np.int32), ends=np.arange(len(pieces) + 1), capacity=capacity)


def test_packed_documents_are_one_curve_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ranks have uneven shares of each step's padding, and find the packing that the first attempt kept."""
    monkeypatch.setattr("data_pipeline.stored.packed.pack", pack_badly)
    packing = ["data.packing=best_fit", "data.documents=apart"]
    alone = site.start("packed", REFERENCE, *packing)
    assert train(str(alone.path))["outcome"] == "finished"
    kept = sorted(path.name for path in alone.order.iterdir())
    assert len(kept) == 2
    run = site.start("packed-again", REFERENCE, *packing, until=4)
    assert train(str(run.path))["outcome"] == "paused"
    world_size, layout = LAYOUTS["zero1 x2"]
    assert run_ranks(site.again(run, *layout, until=8), world_size)["outcome"] == "paused"
    assert sorted(path.name for path in run.order.iterdir()) == kept
    assert run_ranks(site.again(run, REFERENCE, "parallelism.data=auto parallelism.zero=auto"), 1)["outcome"] == "finished"
    filled = feed_of(alone).reader.order.filled(np.arange(12 * 8))
    assert filled is not None
    assert abs(filled[32:64].reshape(4, 2, 4).sum(axis=2) @ [1, -1]).max() > 30, "in the steps of two ranks"
    assert losses(run)[:4] == losses(alone)[:4]
    assert losses(run) == pytest.approx(losses(alone), rel=0, abs=1e-5)
    assert run.ledger.read_bytes() == alone.ledger.read_bytes()


def test_a_run_that_another_process_trains_is_left_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a run that was killed, a rank may live on; two that write to one folder would spoil it."""
    run = site.start("held", REFERENCE)
    monkeypatch.setattr(writer, "PATIENCE_S", 0.1)
    with lock(run.writer, lambda: None):
        run.writer.write_text("process 7 on node a")
        result = train(str(run.path))
        assert writer.is_trained(run, patience=0.1)
    assert not writer.is_trained(run)
    assert (result["outcome"], result["exit_code"]) == ("failed", 4)
    assert result["message"].startswith("process 7 on node a, which trains run held, did not end within 0.1 s")
    assert not run.events.exists()


def test_the_ledger_shows_every_sample_once(straight: RunDir) -> None:
    assert ledger_samples(straight) == list(range(12 * 8))


def test_a_stop_and_a_resume_on_the_same_layout_change_no_bit(site: Site, straight: RunDir) -> None:
    run = site.start("in-two", REFERENCE, until=6)
    assert train(str(run.path))["outcome"] == "paused"
    site.again(run)
    assert train(str(run.path))["outcome"] == "finished"
    assert losses(run) == losses(straight)
    assert ledger_samples(run) == ledger_samples(straight)
    assert [record["attempt"] for record in read_lines(run.metrics)] == [1] * 6 + [2] * 6


@pytest.mark.parametrize("second", LAYOUTS)
@pytest.mark.parametrize("first", LAYOUTS)
def test_any_layout_continues_any_other(site: Site, straight: RunDir, first: str, second: str) -> None:
    world, said = LAYOUTS[first]
    run = site.start(f"{first}-{second}".replace(" ", "_"), *said, until=5)
    run_ranks(run, world)
    world, said = LAYOUTS[second]
    site.again(run, *said)
    assert run_ranks(run, world)["outcome"] == "finished"
    assert losses(run) == pytest.approx(losses(straight), rel=0, abs=1e-5)
    assert ledger_samples(run) == ledger_samples(straight)


def test_steps_lost_by_a_kill_are_taken_again_and_logged_once(site: Site, straight: RunDir) -> None:
    """Killed after step 7 was logged and while step 8's line was being written; the last save was step 4."""
    run = site.start("killed", REFERENCE, until=7)
    train(str(run.path))
    shutil.rmtree(run.checkpoints / "step-00000007")
    with run.metrics.open("ab") as file:
        file.write(b'{"step":8,"tok')
    site.again(run)
    assert train(str(run.path))["outcome"] == "finished"
    assert losses(run) == losses(straight)
    assert ledger_samples(run) == ledger_samples(straight)
    assert events(run, "restored")[0]["step"] == 4


def test_a_run_that_was_killed_after_its_last_checkpoint_comes_to_its_end(site: Site, straight: RunDir) -> None:
    """It had nothing to compare the baseline with, and ended in an AttributeError."""
    run = RunDir(shutil.copytree(straight.path, straight.path.with_name("at-its-end")))
    assert train(str(run.path)) == {"outcome": "finished", "message": "", "exit_code": 0, "step": 12}
    assert losses(run) == losses(straight)
    assert len({event["loss"] for event in events(run, "validated") if event["step"] == 12}) == 1


def test_a_stop_request_saves_and_leaves(site: Site) -> None:
    run = site.start("stopped", REFERENCE)
    run.stop.touch()
    result = train(str(run.path))
    assert (result["outcome"], result["exit_code"]) == ("interrupted", 130)
    run.stop.unlink()
    asked = iter([False, False, False, True])
    result = train(str(run.path), stop_asked=lambda: next(asked, True))
    assert (result["outcome"], result["step"]) == ("interrupted", 3)
    assert steps_on_disk(run.checkpoints)[0] == 3


@pytest.mark.parametrize("harm", ["truncate", "flip", "delete"])
@pytest.mark.parametrize("victim", ["__0_0.distcp", ".metadata", "manifest.json"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(
    site: Site, straight: RunDir, tmp_path: Path, harm: str, victim: str
) -> None:
    run = site.start(f"{harm}-{victim}", REFERENCE, until=9)
    train(str(run.path))
    path = run.checkpoints / "step-00000009" / victim
    content = bytearray(path.read_bytes())
    if harm == "truncate":
        path.write_bytes(content[:-10])
    elif harm == "flip":
        content[len(content) // 2] ^= 0x20 if victim.endswith("json") else 1
        path.write_bytes(content)
    else:
        path.unlink()
    site.again(run)
    assert train(str(run.path))["outcome"] == "finished"
    (damage,) = events(run, "damaged")
    assert damage["step"] == 9
    assert damage["file"] == str(path)
    assert events(run, "restored")[0]["step"] == 8
    assert losses(run) == losses(straight)


def test_when_no_checkpoint_is_whole_the_run_does_not_begin_again_from_nothing(site: Site) -> None:
    run = site.start("all-damaged", REFERENCE, until=4)
    train(str(run.path))
    for path in run.checkpoints.glob("*/*.distcp"):
        path.write_bytes(b"")
    site.again(run)
    result = train(str(run.path))
    assert (result["outcome"], result["exit_code"]) == ("failed", 4)
    assert "no checkpoint is whole" in result["message"]


@pytest.mark.parametrize("world_size", [1, 2])
def test_a_loss_that_is_not_finite_ends_the_run_with_evidence(site: Site, world_size: int) -> None:
    said = [f"training.optimizer.lr=50 training.optimizer.clip_norm=null parallelism.data={world_size}"]
    engine = REFERENCE if world_size == 1 else "parallelism.engine=deepspeed"
    run = site.start(f"diverged-{world_size}", engine, *said, "training.precision=bf16 training.steps=200 training.validation=null")
    result = run_ranks(run, world_size)
    assert (result["outcome"], result["exit_code"]) == ("failed", 4)
    (path,) = run.evidence.iterdir()
    assert str(path) in result["message"]
    assert events(run, "failed")[0]["cause"] == "NonFiniteLoss"


def test_a_full_disk_while_saving_does_not_end_the_run(
    site: Site, straight: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The save of step 4 finds no room; that of step 8 does."""
    free = iter([0])
    usage = shutil.disk_usage(site.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=next(free, usage.free)))
    run = site.start("full-once", REFERENCE)
    assert train(str(run.path))["outcome"] == "finished"
    (failed,) = events(run, "save_failed")
    assert failed["step"] == 4
    assert "no space for a checkpoint" in failed["cause"]
    assert losses(run) == losses(straight)


def test_a_disk_that_stays_full_fails_the_run_and_keeps_the_last_good_checkpoint(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = site.start("full", REFERENCE, until=4)
    train(str(run.path))
    usage = shutil.disk_usage(site.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=0))
    site.again(run)
    result = train(str(run.path))
    assert (result["outcome"], result["exit_code"]) == ("failed", 4)
    assert "no space" in result["message"]
    assert steps_on_disk(run.checkpoints) == [4]


def test_other_data_than_the_run_was_started_on_is_refused(site: Site) -> None:
    run = site.start("other-data", REFERENCE, until=4)
    train(str(run.path))
    manifest = read_manifest(run.checkpoints, 4)
    assert isinstance(manifest, Manifest)
    replace(manifest, data_fingerprint="0" * 64).write(run.checkpoints / "step-00000004")
    site.again(run)
    result = train(str(run.path))
    assert result["outcome"] == "failed"
    assert "fingerprint" in result["message"]


def test_a_failing_callback_on_one_rank_ends_the_loop_on_all(site: Site) -> None:
    """A ledger that cannot be written on rank 0 used to leave the others in a collective for ever."""
    run = site.start("one-fails", "parallelism.data=2")
    run.ledger.parent.mkdir(parents=True)
    run.ledger.mkdir()
    first, second = run_distributed(train, 2, str(run.path))
    assert first["outcome"] == second["outcome"] == "failed"
    assert "directory" in first["message"].lower()
    assert "rank 0" in second["message"]


def test_append_line_never_splits(tmp_path: Path) -> None:
    append_line(tmp_path / "log", {"a": "x" * 100_000})
    append_line(tmp_path / "log", {"b": 1})
    assert [list(record) for record in read_lines(tmp_path / "log")] == [["a"], ["b"]]
