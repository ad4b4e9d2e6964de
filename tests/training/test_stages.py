"""A run whose sequences grow as its mixture's schedule says, from page to ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.launch.ground import ground
from orchestrator.launch.machine import this_machine
from orchestrator.launch.planned import plan_for
from orchestrator.spec import load_cluster, load_run
from orchestrator.training.lineage import feed_of, where
from orchestrator.training.rundir import read_lines
from orchestrator.training.worker import train
from tests.training import runs
from tests.training.runs import Site

SCHEDULE = """
schedule:
  - {until: 32 samples, sequence_length: 8}
  - {until: 48 samples, sequence_length: 16, weights: {library: 1}}
  - {}
"""


@pytest.fixture(scope="module")
def growing(tmp_path_factory: pytest.TempPathFactory) -> Site:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "MIXTURE", runs.MIXTURE + SCHEDULE)
        return Site(Path(tmp_path_factory.mktemp("growing")))


def test_every_step_has_the_length_of_its_stage(growing: Site) -> None:
    overrides = ["parallelism.engine=reference", "training.steps=null", "training.tokens=3072"]
    run = growing.start("growing", *overrides)
    assert train(str(run.path))["outcome"] == "finished"
    tokens = [32 // 4 * 8] * 4 + [16 * 8] * 2
    records = list(read_lines(run.metrics))
    assert [record["tokens"] for record in records][:6] == [sum(tokens[: step + 1]) for step in range(6)]
    assert records[-1]["tokens"] >= 3072 > records[-2]["tokens"]
    feed = feed_of(run)
    assert feed.total_steps == len(records)
    for line in read_lines(run.ledger):
        fed = where(feed, line["step"])
        lengths = {sum(span.end - span.start for span in origin.spans) - 1 for origin in fed.origins}
        assert lengths == {feed.batch.length_of(fed.origins[0].sample)}
        if 5 <= line["step"] <= 6:
            assert {origin.source for origin in fed.origins} == {"library"}
    loaded, cluster = load_run(growing.folder / "page.yaml", overrides), load_cluster(growing.folder / "cluster.yaml")
    planned = plan_for(loaded, ground(cluster.spec, this_machine(), wants=1), cluster)
    assert (planned.total_steps, planned.batch.lengths) == (feed.total_steps, feed.batch.lengths)
