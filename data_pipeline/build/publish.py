"""The prepared folder: shards under their final names, wave after wave, and what is on record when all are there.

Shards are links to the files of the store, so that nothing is copied. Each wave adds one line to `admitted.jsonl`,
with sizes and checksums of what it added: a run that trains while data is still prepared reads it there, and any
later run on the same line sees the same.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipeline.admitted import NAME, Wave, header, wave_line
from data_pipeline.build.clusters import Clusters
from data_pipeline.build.deciding import Marks
from data_pipeline.build.plan import BlockPlan
from data_pipeline.build.record import SourceRecord, record_of
from data_pipeline.clean import summary
from data_pipeline.files import force, whole, write_file
from data_pipeline.mixture import Mixture
from data_pipeline.prepared import FORMAT, PreparedSource, fingerprint_of
from data_pipeline.progress import Event, Line
from data_pipeline.work import Output
from orchestrator.errors import DataError
from orchestrator.units import format_bytes, format_count

_SPLITS = ("train", "validation")


@dataclass(frozen=True, kw_only=True)
class Written:
    """The shards of one block."""

    block: BlockPlan
    output: Output


class Publisher:
    def __init__(self, mixture: Mixture, blocks: list[BlockPlan], folder: Path, key: str) -> None:
        self._mixture = mixture
        self._key = key
        self._blocks = blocks
        self._folder = folder
        self._files: dict[str, tuple[int, str]] = {}
        self._written: dict[int, Output] = {}
        self._shards: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._tokens: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._documents: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._clusters = Clusters()
        self._admitted: list[str] = []

    def clusters(self, step: str, marks: Marks, blocks: dict[int, tuple[BlockPlan, Output]]) -> None:
        self._clusters.add(step, marks, blocks)

    def admit(self, tokenizer: Output, written: list[Written]) -> None:
        """Gives the shards of a wave their names, and then says that they are there."""
        files: dict[str, tuple[int, str]] = {}
        if not self._files:
            files["tokenizer.json"] = self._take(tokenizer, "tokenizer.json", "tokenizer.json")
        for each in written:
            self._written[each.block.number] = each.output
            for split in _SPLITS:
                files |= self._take_shards(each, split)
        for path in sorted({(self._folder / name).parent for name in files}):
            force(path)
        self._files |= files
        facts, mixture = tokenizer.facts, self._mixture
        if not self._admitted:
            sources = [(source.name, source.weight) for source in mixture.sources]
            line = header(name=mixture.name, vocab_size=facts["vocab_size"], end_id=facts["end_id"], sources=sources, key=self._key)
            self._admitted.append(line)
        tokens = {split: {source.name: self._tokens[source.name, split] for source in mixture.sources} for split in _SPLITS}
        coming = {each.of.source.name for each in self._blocks if each.number not in self._written}
        complete = tuple(source.name for source in mixture.sources if source.name not in coming)
        documents = {source.name: sum(self._documents[source.name, split] for split in _SPLITS) for source in mixture.sources}
        self._admitted.append(wave_line(Wave(tokens=tokens, documents=documents, complete=complete, files=files)))
        self._say_admitted()

    def _say_admitted(self) -> None:
        """A preparation that goes on where another stopped says nothing twice: runs have read what that one said."""
        path = self._folder / NAME
        before = path.read_text("utf-8").splitlines() if path.exists() else []
        if before[: len(self._admitted)] != self._admitted:
            write_file(path, "".join(f"{line}\n" for line in self._admitted))

    def finish(self, tokenizer: Output, cleaned: dict[int, list[Output]], say: Callable[[Event], None]) -> str:
        """Writes the record of all that was done, `prepared.json` last; returns the fingerprint."""
        clusters = self._clusters.write(self._folder / "duplicates.parquet")
        records = {
            source.name: record_of(source, [each for each in self._blocks if each.of.source.name == source.name], cleaned, self._written)
            for source in self._mixture.sources
        }
        for record in records.values():
            for line in _told(record):
                say(Line(line))
        sources = self._sources(records, say)
        self._write_quarantine(cleaned)
        schedule = [stage.model_dump(mode="json", exclude_none=True) for stage in self._mixture.schedule]
        fingerprint = fingerprint_of(self._files, sources, schedule)
        total = sum(source.weight for source in sources)
        shares = {source.name: source.weight / total for source in sources}
        report = {
            "mixture": self._mixture.name,
            "fingerprint": fingerprint,
            "tokenizer": {"kind": trained.recipe if (trained := self._mixture.tokenizer.train) else "file", **_of_tokenizer(tokenizer)},
            "sources": {
                name: {**record.facts(), "weight": shares.get(name, 0.0), "clusters": clusters.get(name, {})}
                for name, record in records.items()
            },
        }
        write_file(self._folder / "report.json", json.dumps(report, indent=1, ensure_ascii=False))
        facts = {
            "format": FORMAT, "name": self._mixture.name, "fingerprint": fingerprint, "vocab_size": tokenizer.facts["vocab_size"],
            "end_id": tokenizer.facts["end_id"], "sources": [vars(source) for source in sources], "schedule": schedule,
            "files": self._files,
        }  # fmt: skip
        write_file(self._folder / "prepared.json", json.dumps(facts, indent=1))
        return fingerprint

    def _sources(self, records: dict[str, SourceRecord], say: Callable[[Event], None]) -> tuple[PreparedSource, ...]:
        present = []
        for source in self._mixture.sources:
            record = records[source.name]
            if record.train["documents"]:
                present.append(source)
                continue
            if source.weight is not None:
                raise DataError(record.emptiness())
            say(Line(f"left out: {record.emptiness()}"))
        if not present:
            raise DataError(f"mixture {self._mixture.name!r} gives no document: {next(iter(records.values())).emptiness()}")
        if not any(records[source.name].validation["tokens"] for source in present):
            raise DataError(
                f"mixture {self._mixture.name!r} has one document in each source, so none can be held out for "
                "validation; add a document, or cut a text into several with `separator`"
            )
        weights = self._mixture.weights_by({name: record.train["tokens"] for name, record in records.items()})
        return tuple(
            PreparedSource(
                name=source.name, weight=weights[source.name], train_tokens=record.train["tokens"],
                validation_tokens=record.validation["tokens"], max_epochs=source.max_epochs,
                said=source.weight is not None,                documents=record.train["documents"] + record.validation["documents"],
            )
            for source in present
            for record in (records[source.name],)
        )  # fmt: skip

    def _take_shards(self, each: Written, split: str) -> dict[str, tuple[int, str]]:
        name = each.block.of.source.name
        facts = each.output.facts[split]
        files = {}
        endings = sorted({path.rpartition(".")[2] for path in each.output.files})
        for number in range(facts["shards"]):
            place = self._shards[name, split]
            self._shards[name, split] += 1
            for ending in endings:
                final = f"shards/{name}/{split}-{place:05d}.{ending}"
                files[final] = self._take(each.output, f"{split}-{number}.{ending}", final)
        self._tokens[name, split] += facts["tokens"]
        self._documents[name, split] += facts["documents"]
        return files

    def _take(self, output: Output, name: str, final: str) -> tuple[int, str]:
        path = self._folder / final
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as partial:
            partial.unlink(missing_ok=True)  # another link to a file of the store, which a copy would write over
            try:
                os.link(output.path(name), partial)
            except OSError:  # another file system, or one without links
                shutil.copyfile(output.path(name), partial)
        return output.files[name]

    def _write_quarantine(self, cleaned: dict[int, list[Output]]) -> None:
        """Every record that was no document, with its source."""
        with whole(self._folder / "quarantine.jsonl") as partial, partial.open("w", encoding="utf-8") as file:
            for each in self._blocks:
                with cleaned[each.number][0].path("quarantine.jsonl").open(encoding="utf-8") as lines:
                    for line in lines:
                        file.write(json.dumps({"source": each.of.source.name, **json.loads(line)}, ensure_ascii=False) + "\n")


def _told(record: SourceRecord) -> list[str]:
    facts: Any = record
    lines = [
        f"{record.name}: {record.documents:,} documents, {format_bytes(record.bytes)}, "
        f"{format_count(facts.train['tokens'])} training tokens, {format_count(facts.validation['tokens'])} held out"
    ]
    if record.rejected["records"]:
        first = record.rejected["examples"][0]
        lines.append(f"{record.name}: {record.rejected['records']:,} records rejected; the first: {first['where']}: {first['reason']}")
    return lines + [f"{record.name}: {line}" for line in summary(record.steps)]


def _of_tokenizer(tokenizer: Output) -> dict[str, Any]:
    return {name: tokenizer.facts[name] for name in ("vocab_size", "sample_bytes", "fast")}
