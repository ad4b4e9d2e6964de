"""Which documents were dropped as copies, and of which: for everyone who later asks where a text went."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from data_pipeline.build.deciding import Marks
from data_pipeline.build.plan import BlockPlan
from data_pipeline.files import whole
from data_pipeline.work import Output
from data_pipeline.work.texts import read_ids

_EXAMPLES = 5
_COLUMNS = ("step", "source", "document", "kept_source", "kept")
_PLACE = np.uint64(0xFFFFFFFF)


class Clusters:
    """Gathered barrier by barrier; 16 bytes for each copy are held, and the ids when they are written."""

    def __init__(self) -> None:
        self._found: list[tuple[str, np.ndarray, dict[int, tuple[BlockPlan, Output]]]] = []

    def add(self, step: str, marks: Marks, blocks: dict[int, tuple[BlockPlan, Output]]) -> None:
        every = marks.every()
        pairs = np.unique(np.stack([every["document"], every["first"]], axis=1), axis=0)
        self._found.append((step, pairs[pairs[:, 0] != pairs[:, 1]], blocks))

    def write(self, path: Path) -> dict[str, dict[str, Any]]:
        """A row for each copy into a Parquet file; for each source, by step: clusters, documents in them, the largest, examples."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema([(name, pa.string()) for name in _COLUMNS])
        told: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        with whole(path) as partial, pq.ParquetWriter(str(partial), schema, compression="zstd") as file:
            for step, pairs, blocks in self._found:
                if not pairs.size:
                    continue
                copies, kept = _named(pairs[:, 0], blocks), _named(pairs[:, 1], blocks)
                rows = [[step] * len(pairs), *zip(*copies, strict=True), *zip(*kept, strict=True)]
                file.write_table(pa.table([pa.array(row, pa.string()) for row in rows], schema=schema))
                for source, facts in _summary(copies, kept).items():
                    told[source][step] = _added(told[source].get(step), facts)
        return dict(told)


def _named(documents: np.ndarray, blocks: dict[int, tuple[BlockPlan, Output]]) -> list[tuple[str, str]]:
    """(source, id) of each."""
    names: list[tuple[str, str]] = [("", "")] * len(documents)
    numbers = (documents >> np.uint64(32)).astype(np.int64)
    for number in np.unique(numbers).tolist():
        chosen = np.flatnonzero(numbers == number)
        plan, texts = blocks[number]
        ids = read_ids(texts.path("texts.arrow"), (documents[chosen] & _PLACE).tolist())
        for place, name in zip(chosen.tolist(), ids, strict=True):
            names[place] = (plan.of.source.name, name)
    return names


def _summary(copies: list[tuple[str, str]], kept: list[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """By the source of the document that was kept."""
    clusters: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for (_, copy), first in zip(copies, kept, strict=True):
        clusters[first].append(copy)
    found: defaultdict[str, list[list[str]]] = defaultdict(list)
    for (source, name), members in clusters.items():
        found[source].append([name, *members])
    return {
        source: {
            "clusters": len(each), "documents": sum(map(len, each)), "largest": max(map(len, each)),
            "examples": [cluster[:_EXAMPLES] for cluster in sorted(each, key=len, reverse=True)[:_EXAMPLES]],
        }
        for source, each in found.items()
    }  # fmt: skip


def _added(before: dict[str, Any] | None, facts: dict[str, Any]) -> dict[str, Any]:
    if before is None:
        return facts
    return {
        "clusters": before["clusters"] + facts["clusters"], "documents": before["documents"] + facts["documents"],
        "largest": max(before["largest"], facts["largest"]), "examples": [*before["examples"], *facts["examples"]][:_EXAMPLES],
    }  # fmt: skip
