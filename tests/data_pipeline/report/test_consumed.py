"""What a run took, counted from its ledger, is what the order of samples gives it."""

from __future__ import annotations

from collections import Counter

import numpy as np

from data_pipeline.loader import Loader
from data_pipeline.prepared import Prepared
from data_pipeline.report.consumed import Taken, consumed_of


def test_the_ledger_adds_up_to_the_order(small: Prepared) -> None:
    loader = Loader(small, sequence_length=16, seed=3)
    lines = []
    for step in range(1, 11):
        origins = loader.describe(np.arange(step * 8 - 8, step * 8))
        rows = [[origin.sample, origin.source, origin.epoch, [[s.shard, s.document, s.start, s.end] for s in origin.spans]] for origin in origins]
        lines.append({"step": step, "samples": rows})
    found = consumed_of("nano", lines)
    expected = Counter(origin.source for origin in loader.describe(np.arange(80)))
    assert (found.run, found.step, found.tokens) == ("nano", 10, 80 * 16)
    assert found.sources == {name: Taken(samples=number, tokens=number * 16) for name, number in expected.items()}
    assert sum(found.share(name) for name in found.sources) == 1.0


def test_a_run_that_took_nothing() -> None:
    found = consumed_of("nano", [])
    assert (found.step, found.tokens, found.share("notes")) == (0, 0, 0.0)
