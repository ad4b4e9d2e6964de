"""A preparation gives the same bytes whoever does it and however often it was interrupted, and does only what has to be done."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from data_pipeline.admitted import read_admitted
from data_pipeline.build.cleaning import Clean
from data_pipeline.build.plan import barriers, plan_blocks, waves
from data_pipeline.mixture import load_mixture
from data_pipeline.prepare import prepare
from data_pipeline.prepared import Prepared
from data_pipeline.progress import Event, Started
from data_pipeline.shards import Shard
from data_pipeline.work import InProcesses
from orchestrator.errors import DataError
from tests.data_pipeline.build.conftest import contents, write_mixture


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mixture(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def made(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(load_mixture(page), tmp_path_factory.mktemp("data"))


def jobs_of(cache: Path) -> dict[str, str]:
    """Name of each finished job -> its title."""
    return {path.parent.name: json.loads(path.read_text())["title"] for path in cache.glob(".work/*/*/receipt.json")}


def test_blocks_of_all_sources_take_turns_and_waves_double(page: Path) -> None:
    blocks = plan_blocks(load_mixture(page))
    assert [each.number for each in blocks] == list(range(len(blocks)))
    assert [(each.index, each.of.source.name) for each in blocks[:4]] == [
        (0, "notes"), (0, "letters"), (1, "notes"), (1, "letters"),
    ]  # fmt: skip
    indices = [sorted({each.index for each in wave}) for wave in waves(blocks)]
    assert indices == [[0], [1], [2, 3]]


def test_a_source_meets_its_own_barriers_and_then_those_of_the_page(page: Path) -> None:
    blocks = plan_blocks(load_mixture(page))
    assert barriers(blocks) == [("source", 0), ("page", 0), ("page", 1)]
    notes, letters = blocks[0].of, blocks[1].of
    assert [step.step for step in notes.steps] == [
        "dedup_template_soft", "uniform_whitespace", "near_duplicates", "filter_small_docs", "repeated_substrings", "exact_copies",
    ]  # fmt: skip
    assert list(letters.stretches) == [("page", 0), ("page", 1)]


def test_processes_give_the_same_bytes(page: Path, made: Prepared, tmp_path: Path) -> None:
    other = prepare(load_mixture(page), tmp_path, executor=partial(InProcesses, 2))
    assert contents(other.folder) == contents(made.folder)


@pytest.mark.parametrize("survived", [0, 3, 9, 14, 20, 26, 31])
def test_what_was_interrupted_goes_on_and_ends_the_same(
    page: Path, made: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    from data_pipeline.work.store import Store

    perform, done = Store.perform, 0

    def until(self: Store, *given: Any) -> Any:
        nonlocal done
        if done == survived:
            raise KeyboardInterrupt
        done += 1
        return perform(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "perform", until)
        with pytest.raises(KeyboardInterrupt):
            prepare(load_mixture(page), tmp_path)
    assert not list(tmp_path.glob("*/prepared.json"))
    before = jobs_of(tmp_path)
    assert len(before) == survived
    assert contents(prepare(load_mixture(page), tmp_path).folder) == contents(made.folder)
    assert before.keys() <= jobs_of(tmp_path).keys()


def test_a_changed_step_is_followed_by_the_work_that_it_touches(page: Path, tmp_path: Path) -> None:
    text = page.read_text()
    mine = page.with_name("mine.yaml")
    mine.write_text(text)
    prepare(load_mixture(mine), tmp_path)
    mine.write_text(text.replace("words: 4", "words: 5"))
    started: list[tuple[str, int, int]] = []

    def note(event: Event) -> None:
        if isinstance(event, Started):
            started.append((event.stage, event.blocks, event.done))

    prepare(load_mixture(mine), tmp_path, note)
    by_stage = {stage: (blocks, done) for stage, blocks, done in started}
    assert by_stage["clean, and survey for dedup_template_soft"] == (4, 4)
    assert by_stage["decide near_duplicates"] == (1, 1)
    blocks, done = by_stage["clean, and survey for repeated_substrings"]
    assert blocks == 8
    assert done < blocks


def test_a_changed_weight_or_held_out_share_cleans_nothing_again(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = page.with_name("mine.yaml")
    mine.write_text(page.read_text())
    prepare(load_mixture(mine), tmp_path)

    def refuse(*_: Any) -> None:
        raise AssertionError("cleaned again")

    monkeypatch.setattr(Clean, "run", refuse)
    for old, new in (("weight: 3", "weight: 2"), ("fraction: 0.1", "fraction: 0.2"), ("vocab_size: 300", "vocab_size: 310")):
        mine.write_text(mine.read_text().replace(old, new))
        assert prepare(load_mixture(mine), tmp_path).sources


def test_a_file_that_was_added_costs_its_own_reading(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = write_mixture(tmp_path / "texts")
    prepare(load_mixture(page), tmp_path / "data")
    (tmp_path / "texts" / "letters" / "4.jsonl").write_text('{"text": "one more letter of the order, and nothing else"}\n' * 2)
    read: list[str] = []
    run = Clean.run

    def noted(self: Clean, *given: Any) -> Any:
        if self.block is not None:
            read.append(self.title)
        return run(self, *given)

    monkeypatch.setattr(Clean, "run", noted)
    prepare(load_mixture(page), tmp_path / "data")
    assert all(title.startswith("letters") for title in read)
    assert len(read) <= 2


def test_waves_are_admitted_with_what_they_added(made: Prepared) -> None:
    admitted = read_admitted(made.folder)
    assert admitted is not None
    assert admitted.sources == (("notes", 3.0), ("letters", 1.0))
    assert [wave.complete for wave in admitted.waves] == [(), (), ("notes", "letters")]
    assert admitted.files == made.files
    assert (admitted.vocab_size, admitted.end_id) == (made.vocab_size, made.end_id)
    for wave, following in zip(admitted.waves, admitted.waves[1:], strict=False):
        assert all(wave.tokens["train"][name] < following.tokens["train"][name] for name in ("notes", "letters"))
    assert admitted.waves[-1].tokens["train"] == {source.name: source.train_tokens for source in made.sources}
    for number, wave in enumerate(admitted.waves):
        held = {name for before in admitted.waves[: number + 1] for name in before.files}
        for name, tokens in wave.tokens["train"].items():
            shards = [made.folder / path for path in held if path.startswith(f"shards/{name}/train") and path.endswith(".bin")]
            assert sum(Shard(path.with_suffix("")).tokens.size for path in shards) == tokens


def test_copies_are_on_record_with_what_was_kept(made: Prepared) -> None:
    import pyarrow.parquet as pq

    rows = pq.read_table(made.folder / "duplicates.parquet").to_pylist()
    report = json.loads((made.folder / "report.json").read_text())["sources"]
    dropped = [
        step["dropped"] for facts in report.values() for step in facts["steps"] if step["step"] == "near_duplicates"
    ]
    assert sum(sum(each.values()) for each in dropped) == sum(row["step"] == "near_duplicates" for row in rows) > 0
    assert {row["kept_source"] for row in rows} <= {"notes", "letters"}
    assert sum(facts["exact_copies"] for facts in report.values()) == sum(row["step"] == "exact_copies" for row in rows)
    told = [each for facts in report.values() for each in facts["clusters"].values()]
    assert sum(each["documents"] - each["clusters"] for each in told) == len(rows)


def test_every_bad_record_is_in_quarantine(made: Prepared) -> None:
    (line,) = (made.folder / "quarantine.jsonl").read_text().splitlines()
    assert json.loads(line) == {"source": "notes", "where": "0.jsonl:16", "reason": "not JSON: Expecting value at column 1"}


def test_documents_that_go_in_come_out_or_are_counted(made: Prepared) -> None:
    report = json.loads((made.folder / "report.json").read_text())["sources"]
    for facts in report.values():
        number = facts["read"]["documents"]
        for step in facts["steps"]:
            assert step["read"] == number == step["kept"] + sum(step["dropped"].values())
            number = step["kept"]
        assert facts["kept"]["documents"] == number - facts["exact_copies"] == facts["train"]["documents"] + facts["validation"]["documents"]
        assert sum(facts["lengths"]) == facts["kept"]["documents"]


def test_the_licence_of_a_source_holds_for_documents_that_name_none(page: Path, tmp_path: Path) -> None:
    mine = page.with_name("licensed.yaml")
    text = page.read_text().replace("weight: 3,", "weight: 3, licence: GPL-3.0,").replace("weight: 1}", "weight: 1, licence: MIT}")
    mine.write_text(text.replace("steps:\n", "steps:\n  - drop_licences: {licences: [GPL-*]}\n"))
    with pytest.raises(DataError, match=r"source 'notes' gives no document .*60 by drop_licences \(licence\)"):
        prepare(load_mixture(mine), tmp_path)
