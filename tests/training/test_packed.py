"""What is told, and kept, of packed documents before a run begins."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from orchestrator.launch.data_report import _forecast
from orchestrator.launch.foreground import _pack
from orchestrator.planning import make_plan
from orchestrator.spec import load_cluster, load_run
from orchestrator.training.lineage import feed_of
from tests.training.runs import Site


def test_the_command_packs_for_all_ranks_and_says_how_much_is_padding(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ["parallelism.engine=reference", "data.packing=best_fit"]
    run = site.start("packed-before", *said)
    plan = make_plan(load_run(run.spec, said).spec, load_cluster(run.cluster).spec, 1)
    told = io.StringIO()
    _pack(run, plan, site.prepared.folder, Console(file=told, width=200))
    assert "whole documents in samples of 33 tokens, padding 0." in told.getvalue()
    assert "the run will read library" in told.getvalue()
    monkeypatch.setattr("data_pipeline.stored.packed.pack", None)
    order = feed_of(run).reader.order
    report = _forecast(run)
    assert report is not None
    assert sum(source.samples for source in report.sources.values()) == 12 * 8
    assert order.filled(np.arange(4)) is not None
