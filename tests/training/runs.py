"""Small real runs for tests: a page, prepared text of the Python installation, a folder."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_pipeline.mixture import load_mixture
from data_pipeline.prepare import prepare
from orchestrator.spec import ClusterSpec, load_cluster, load_run
from orchestrator.training.create import create_run, write_execution, write_hardware
from orchestrator.training.rundir import RunDir, read_lines
from tests.plans import MODELS

PAGE = """
model: {family: llama, layers: 2, hidden_size: 48, heads: 4, kv_heads: 2, ffn_size: 112, vocab_size: 320, max_positions: 64}
data: {mixture: MIXTURE, sequence_length: 32}
training:
  batch: {sequences: 8}
  steps: 12
  optimizer: {name: adamw, lr: 3e-3}
  schedule: {name: cosine, warmup: 2 steps}
  precision: fp32
  seed: 7
  validation: {every: 6 steps, samples: 8, baseline: bigram}
  sample: {prompts: ["def "], tokens: 5}
parallelism: {micro_batch: 2}
checkpoint: {every: 4 steps, keep_last: 3}
"""
MIXTURE = """
sources:
  - {name: library, kind: python_installation, parts: [library], limit: 120KB, weight: 0.7}
  - {name: documentation, kind: python_installation, parts: [documentation], limit: 60KB, weight: 0.3}
tokenizer: {train: byte_bpe, vocab_size: 320, sample: 1MB}
validation: {fraction: 0.1}
"""
CLUSTER = "nodes: 1\nnode: {accelerator: cpu, count: 4, host_memory: 8GiB}\n"


class Site:
    """A folder with pages, prepared data and runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "mixture.yaml").write_text(MIXTURE)
        (folder / "page.yaml").write_text(PAGE.replace("MIXTURE", str(folder / "mixture.yaml")))
        (folder / "cluster.yaml").write_text(CLUSTER)
        self.prepared = prepare(load_mixture(folder / "mixture.yaml"), folder / "data")

    def page_of(self, family: str) -> Path:
        """The page with a tiny model of another family."""
        page = self.folder / f"{family}.yaml"
        text = (self.folder / "page.yaml").read_text()
        model = json.dumps({**MODELS[family], "vocab_size": 320})
        page.write_text(re.sub(r"^model: .*$", f"model: {model}", text, flags=re.MULTILINE))
        return page

    def start(self, name: str, *overrides: str, until: int | None = None, family: str | None = None) -> RunDir:
        """A new run, ready for a worker."""
        loaded = load_run(self.page_of(family) if family else self.folder / "page.yaml", overrides)
        cluster = load_cluster(self.folder / "cluster.yaml")
        run = create_run(self.folder / "runs", name, loaded, cluster)
        write_hardware(run, ClusterSpec.model_validate(cluster.spec))
        write_execution(run, data=self.prepared.folder, overrides=overrides, until=until, accepted=())
        return run

    def again(self, run: RunDir, *overrides: str, until: int | None = None, accepted: Sequence[str] = ()) -> RunDir:
        """The same run, to be continued with more overrides."""
        said = [*json.loads(run.execution.read_text())["overrides"], *overrides]
        run.resolved.write_text(load_run(run.spec, said).resolved)
        write_execution(run, data=self.prepared.folder, overrides=said, until=until, accepted=accepted)
        return run


def losses(run: RunDir) -> list[float]:
    """Losses in the order of metrics.jsonl; fails when a step is missing, repeated or out of order."""
    records = list(read_lines(run.metrics))
    assert [record["step"] for record in records] == list(range(1, len(records) + 1))
    return [record["loss"] for record in records]


def events(run: RunDir, name: str) -> list[dict[str, Any]]:
    """The events of one name."""
    return [event for event in read_lines(run.events) if event["event"] == name]


def ledger_samples(run: RunDir) -> list[int]:
    """Every sample number in the ledger, in its order."""
    return [row[0] for line in read_lines(run.ledger) for row in line["samples"]]
