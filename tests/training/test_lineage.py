"""What a run was fed, asked afterwards: the order's answer, held against what the ledger recorded at the time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestrator import cli
from orchestrator.errors import DataError
from orchestrator.training.lineage import feed_of, row_of, seen, where
from orchestrator.training.rundir import RunDir, read_lines
from orchestrator.training.worker import train
from tests.data_pipeline.conftest import listed_of
from tests.training.runs import Site

RAMP = "'training.batch.ramp_up={start: 4, step: 4, samples: 16}'"

ORDERS = {
    "own": (), "megatron": ("data.order=megatron", "data.documents=apart"), "packed": ("data.packing=best_fit", "data.documents=apart"),
}  # fmt: skip


@pytest.fixture(scope="module", params=list(ORDERS))
def run(request: pytest.FixtureRequest, site: Site) -> RunDir:
    """Eight of twelve steps taken, with a ramp-up of the batch."""
    made = site.start(f"lineage-{request.param}", "parallelism.engine=reference", RAMP, *ORDERS[request.param], until=8)
    assert train(str(made.path))["outcome"] == "paused"
    return made


def test_every_step_is_as_the_ledger_has_it(run: RunDir) -> None:
    feed = feed_of(run)
    lines = list(read_lines(run.ledger))
    assert [line["step"] for line in lines] == list(range(1, 9))
    for line in lines:
        fed = where(feed, line["step"])
        assert fed.on_record
        assert [row_of(origin) for origin in fed.origins] == line["samples"]
    to_come = where(feed, 12)
    assert not to_come.on_record
    assert to_come.origins[-1].sample == feed.batch.samples_after(12) - 1


def test_a_document_was_seen_where_the_ledger_has_it(run: RunDir) -> None:
    feed = feed_of(run)
    recorded: dict[tuple[str, str], set[tuple[int, int]]] = {}
    for line in read_lines(run.ledger):
        for sample, source, _, spans in line["samples"]:
            for _, document, _, _ in spans:
                recorded.setdefault((source, document), set()).add((line["step"], sample))
    for (source, document), expected in recorded.items():
        [steps] = [steps for found, steps in seen(feed, document) if found.source == source]
        assert {(each.step, each.occurrence.sample) for each in steps if each.taken} == expected
        assert all(each.step > 8 for each in steps if not each.taken)


def test_a_ledger_that_says_otherwise_is_an_error(run: RunDir, tmp_path: Path) -> None:
    copy = RunDir(Path(shutil.copytree(run.path, tmp_path / "copy")))
    lines = copy.ledger.read_text().splitlines()
    changed = json.loads(lines[2])
    changed["samples"][1][3][0][2] += 1
    copy.ledger.write_text("\n".join([*lines[:2], json.dumps(changed), *lines[3:]]) + "\n")
    with pytest.raises(DataError, match=r"step 3: the ledger has sample \d+ as .* and by its page and data it is"):
        where(feed_of(copy), 3)
    assert where(feed_of(copy), 2).on_record


def orchestrate(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = cli.main(["data", *words])
    told = capsys.readouterr()
    return code, told.out + told.err


def test_the_verbs_print_and_their_errors_teach(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--runs", str(run.path.parent), "--run", run.name]
    code, text = orchestrate(capsys, "where", "3", *place)
    assert code == 0
    assert "taken, as the ledger has it" in text
    code, text = orchestrate(capsys, "where", "3", "--format", "json", *place)
    document: dict[str, Any] = json.loads(text)["origins"][0]["spans"][0]
    code, text = orchestrate(capsys, "seen", document["document"], *place)
    assert code == 0
    assert "  step 3  sample " in text
    code, text = orchestrate(capsys, "where", "13", *place)
    assert (code, "ends with step 12, found step 13" in text) == (2, True)
    code, text = orchestrate(capsys, "where", "soon", *place)
    assert (code, "expected a whole number of at least 1, found 'soon'" in text) == (2, True)
    code, text = orchestrate(capsys, "seen", document["document"][:-2], *place)
    assert (code, f"the nearest are {document['document']!r}" in text) == (2, True)
    code, text = orchestrate(capsys, "where", "1", *place[:-1], f"{run.name}s")
    assert (code, f"did you mean {run.name!r}?" in text) == (2, True)
    data = json.loads(run.execution.read_text())["data"]
    assert orchestrate(capsys, "diff", data, data) == (0, "no difference\n")


def test_a_document_that_is_held_out_is_said_to_be(run: RunDir, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    [held] = site.prepared.shards("library", "validation")
    name = listed_of(site.prepared, held).id(0)
    code, text = orchestrate(capsys, "seen", name, "--runs", str(run.path.parent), "--run", run.name)
    assert (code, "held out: never trained on" in text) == (0, True)
