"""A prepared folder is whole or absent, is found again at once, and never changes unnoticed."""

from __future__ import annotations

import errno
import fcntl
import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from data_pipeline.build import publish, writing
from data_pipeline.build.cleaning import Clean
from data_pipeline.build.sampling import Train
from data_pipeline.build.writing import Write
from data_pipeline.mixture import load_mixture
from data_pipeline.prepare import find_prepared, prepare, request_key, status
from data_pipeline.prepared import Prepared, open_prepared
from data_pipeline.progress import told
from data_pipeline.shards import Shard
from data_pipeline.sources.files import Files
from data_pipeline.tokenize.encoder import load_encoder
from data_pipeline.work import Job
from orchestrator.errors import DataError, OrchestratorError, PageError
from tests.data_pipeline.conftest import listed_of, write_texts


def fingerprint_of_page(page: Path, cache: Path) -> str:
    return prepare(load_mixture(page), cache).fingerprint


def test_the_folder_holds_what_the_docstring_draws(small: Prepared) -> None:
    assert small.folder.name.startswith("small-")
    names = {path.relative_to(small.folder).as_posix() for path in small.folder.rglob("*") if path.is_file()}
    names = {name for name in names if "/cache/GPTDataset_indices/" not in name}  # Megatron's, of other tests
    shards = {f"shards/{source}/{split}-00000.{ending}" for source in ("notes", "letters")
              for split in ("train", "validation") for ending in ("bin", "idx", "parquet")}  # fmt: skip
    assert names == shards | {
        "tokenizer.json", "report.json", "prepared.json", "admitted.jsonl", "duplicates.parquet", "quarantine.jsonl",
    }  # fmt: skip


def test_every_text_is_in_one_split_and_decodes_to_itself(small: Prepared, small_page: Path) -> None:
    encoder = load_encoder(small.tokenizer_path)
    (notes, letters) = load_mixture(small_page).sources
    for source in (notes, letters):
        expected = {document.id: document.text for document in source.documents()}  # type: ignore[union-attr]
        found = {}
        for prefix in [*small.shards(source.name, "train"), *small.shards(source.name, "validation")]:
            shard = Shard(prefix)
            listed = listed_of(small, prefix)
            assert len(listed) == len(shard)
            for number in range(len(shard)):
                facts = listed.facts(number)
                assert (facts["tokens"], facts["start"]) == (len(shard[number]), shard.starts[number])
                assert facts["source"] == source.name
                assert shard[number][-1] == small.end_id
                found[facts["id"]] = encoder.decode(shard[number][:-1].tolist())
        assert found == expected


def test_counts_are_those_of_the_shards(small: Prepared) -> None:
    for source in small.sources:
        train = [Shard(prefix).tokens.size for prefix in small.shards(source.name, "train")]
        held = [Shard(prefix).tokens.size for prefix in small.shards(source.name, "validation")]
        assert (sum(train), sum(held)) == (source.train_tokens, source.validation_tokens)
        assert min(*train, *held) > 0
    assert [(source.name, source.weight, source.documents) for source in small.sources] == [
        ("notes", 0.75, 120), ("letters", 0.25, 60),
    ]  # fmt: skip


def test_the_second_call_reads_nothing_and_is_quick(
    small: Prepared, small_page: Path, monkeypatch: Any
) -> None:
    def refuse(self: Files, block: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(Files, "read", refuse)
    started = time.perf_counter()
    again = prepare(load_mixture(small_page), small.folder.parent)
    assert again == small
    assert time.perf_counter() - started < 1


def test_the_same_texts_give_the_same_fingerprint_anywhere(small: Prepared, tmp_path: Path) -> None:
    page = write_texts(tmp_path / "elsewhere")
    assert fingerprint_of_page(page, tmp_path / "cache") == small.fingerprint


@pytest.mark.parametrize(
    ("old", "new"),
    [("weight: 0.75", "weight: 0.5"), ("300", "310"), ("0.1}", "0.3}"), ("name: letters", "name: post")],
)
def test_what_changes_the_tokens_or_their_shares_changes_the_fingerprint(
    small: Prepared, tmp_path: Path, old: str, new: str
) -> None:
    page = write_texts(tmp_path / "texts")
    page.write_text(page.read_text().replace(old, new))
    assert fingerprint_of_page(page, tmp_path / "cache") != small.fingerprint


@pytest.mark.parametrize("more", ["weights: {alpha: 0}", "schedule: [{weights: {notes: 1}}]"])
def test_a_page_that_weighs_sources_otherwise_is_not_answered_with_the_data_of_before(small_page: Path, tmp_path: Path, more: str) -> None:
    """Both decide the order of samples and were once no part of the request: the old folder was found for the new page."""
    other = small_page.with_name("weighed.yaml")
    other.write_text(small_page.read_text() + f"\n{more}\n")
    before, after = load_mixture(small_page), load_mixture(other)
    assert request_key(before) != request_key(after)


def test_changed_files_are_prepared_again_beside_the_old_and_the_old_is_still_found(tmp_path: Path) -> None:
    page = write_texts(tmp_path / "texts")
    before = fingerprint_of_page(page, tmp_path / "cache")
    with (tmp_path / "texts" / "notes" / "0.jsonl").open("a") as file:
        file.write('{"text": "one more note"}\n')
    assert fingerprint_of_page(page, tmp_path / "cache") != before
    assert find_prepared(tmp_path / "cache", before).fingerprint == before
    with pytest.raises(DataError, match="no prepared data with the fingerprint 00000"):
        find_prepared(tmp_path / "cache", "0" * 64)


def test_files_that_were_touched_give_the_same_data(tmp_path: Path) -> None:
    page = write_texts(tmp_path / "texts")
    first = prepare(load_mixture(page), tmp_path / "cache")
    (tmp_path / "texts" / "notes" / "0.jsonl").touch()
    again = prepare(load_mixture(page), tmp_path / "cache")
    assert again.fingerprint == first.fingerprint
    assert again.folder != first.folder


def test_bad_records_and_copies_are_counted_reported_and_told(tmp_path: Path) -> None:
    page = write_texts(tmp_path / "texts")
    with (tmp_path / "texts" / "notes" / "1.jsonl").open("a") as file:
        file.write('{"txt": "wrong field"}\nnot json\n' + '{"text": "twice the same"}\n' * 2)
    said: list[str] = []
    prepared = prepare(load_mixture(page), tmp_path / "cache", told(said.append))
    report = json.loads((prepared.folder / "report.json").read_text())["sources"]["notes"]
    assert (report["read"]["documents"], report["rejected"]["records"], report["exact_copies"]) == (122, 2, 1)
    assert [example["where"] for example in report["rejected"]["examples"]] == ["1.jsonl:61", "1.jsonl:62"]
    assert any(
        "notes: 2 records rejected; the first: 1.jsonl:61: no text in field 'text'" in line for line in said
    )


def test_status_tells_missing_ready_and_damaged(tmp_path: Path) -> None:
    mixture = load_mixture(write_texts(tmp_path / "texts"))
    assert status(mixture, tmp_path / "cache")["state"] == "missing"
    prepared = prepare(mixture, tmp_path / "cache")
    ready = status(mixture, tmp_path / "cache")
    assert (ready["state"], ready["fingerprint"]) == ("ready", prepared.fingerprint)
    assert [source["name"] for source in ready["sources"]] == ["notes", "letters"]
    flip_a_byte(prepared.folder / "shards/notes/train-00000.bin")
    damaged = status(mixture, tmp_path / "cache")
    assert damaged["state"] == "damaged"
    assert "shards/notes/train-00000.bin" in damaged["problem"]


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("shards/notes/train-00000.bin", lambda path: path.write_bytes(b"less"), "4 bytes, but [0-9,]+ were"),
        ("shards/letters/validation-00000.idx", Path.unlink, "is missing"),
        ("tokenizer.json", Path.unlink, "is missing"),
        ("prepared.json", Path.unlink, "no prepared data"),
        ("prepared.json", lambda path: path.write_text("{"), "is damaged"),
        (
            "prepared.json",
            lambda path: path.write_text(path.read_text().replace("0.75", "0.7")),
            "lists other",
        ),
    ],
)
def test_damage_is_found_when_the_folder_is_opened(
    small: Prepared, tmp_path: Path, name: str, damage: Any, message: str
) -> None:
    folder = Path(shutil.copytree(small.folder, tmp_path / "copy"))
    damage(folder / name)
    with pytest.raises(DataError, match=message) as raised:
        open_prepared(folder)
    assert str(folder) in str(raised.value)


def test_one_flipped_byte_is_found_by_its_checksum(small: Prepared, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small.folder, tmp_path / "copy"))
    flip_a_byte(folder / "shards/letters/train-00000.bin")
    prepared = open_prepared(folder)
    with pytest.raises(DataError, match=r"letters/train-00000.bin has its size, but not the bytes"):
        prepared.verify(contents=True)


def test_a_failed_preparation_leaves_nothing_that_looks_prepared_and_loses_nothing(
    tmp_path: Path, monkeypatch: Any
) -> None:
    mixture = load_mixture(write_texts(tmp_path / "texts"))

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(publish, "fingerprint_of", fail)
        with pytest.raises(DataError, match=r"no space is left .* after [0-9.]+ KiB; make room"):
            prepare(mixture, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*/prepared.json"))
    monkeypatch.setattr(Job, "run", fail)  # all of it is done
    for kind in (Clean, Write, Train):
        monkeypatch.setattr(kind, "run", fail)
    assert prepare(mixture, tmp_path / "cache").sources


def names_of_jobs(cache: Path) -> set[str]:
    return {path.parent.name for path in cache.glob(".work/small/*/receipt.json")}


def test_pages_of_one_name_do_not_remove_each_others_work(tmp_path: Path, monkeypatch: Any) -> None:
    """A page in another folder took the work of an interrupted one for that of its own past, and removed it when it was done."""
    cache = tmp_path / "cache"
    mine, other = (write_texts(tmp_path / name, notes=notes) for name, notes in (("mine", 120), ("other", 90)))
    with monkeypatch.context() as patch:
        patch.setattr(publish, "fingerprint_of", raises(OSError("interrupted")))
        with pytest.raises(OSError, match="interrupted"):
            prepare(load_mixture(mine), cache)
    work = names_of_jobs(cache)
    prepare(load_mixture(other), cache)
    assert work < names_of_jobs(cache)
    mine.write_text(mine.read_text().replace("weight: 0.75", "weight: 0.5"))  # and what it does not change is found
    with monkeypatch.context() as patch:
        patch.setattr(Clean, "run", raises(AssertionError("done again")))
        prepare(load_mixture(mine), cache)
    assert len(list(cache.glob("small-*/prepared.json"))) == 2


def test_the_work_of_a_page_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    mine, other = (write_texts(tmp_path / name, notes=notes) for name, notes in (("mine", 120), ("other", 90)))
    prepare(load_mixture(mine), tmp_path / "cache")
    mine.unlink()
    for cache in (tmp_path / "cache", tmp_path / "alone"):
        prepare(load_mixture(other), cache)
    assert names_of_jobs(tmp_path / "cache") == names_of_jobs(tmp_path / "alone")


def test_who_waits_is_told_for_what(tmp_path: Path) -> None:
    page, cache, said = write_texts(tmp_path / "texts"), tmp_path / "cache", list[str]()
    cache.mkdir()
    with ThreadPoolExecutor(1) as threads:
        with (cache / ".small.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            waits = threads.submit(prepare, load_mixture(page), cache, told(said.append))
            while not said:
                time.sleep(0.01)
        assert waits.result().name == "small"
    assert said[0] == f"another process is preparing a mixture called 'small' in {cache}; waiting for it"


def raises(error: BaseException) -> Callable[..., Any]:
    def do(*_: Any) -> Any:
        raise error

    return do


def test_without_locks_all_do_the_same(tmp_path: Path, monkeypatch: Any) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    mixture = load_mixture(write_texts(tmp_path / "texts"))
    with ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(prepare, mixture, tmp_path / "cache") for _ in range(3)]
        assert len({call.result().folder for call in calls}) == 1


def test_a_folder_that_lost_its_facts_is_made_whole_again(tmp_path: Path) -> None:
    mixture = load_mixture(write_texts(tmp_path / "texts"))
    first = prepare(mixture, tmp_path / "cache")
    (first.folder / "prepared.json").unlink()
    assert prepare(mixture, tmp_path / "cache") == first


def prepare_there(page: str, cache: str) -> str:
    return prepare(load_mixture(page), Path(cache)).fingerprint


def test_concurrent_callers_agree(tmp_path: Path) -> None:
    page = write_texts(tmp_path / "texts")
    with ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(prepare_there, str(page), str(tmp_path / "cache")) for _ in range(3)]
        process = get_context("spawn").Process(
            target=prepare_there, args=(str(page), str(tmp_path / "cache"))
        )
        process.start()
        found = {call.result() for call in calls}
        process.join()
    assert process.exitcode == 0
    assert len(found) == 1
    visible = [path.name for path in (tmp_path / "cache").iterdir() if not path.name.startswith(".")]
    assert len(visible) == 1
    assert find_prepared(tmp_path / "cache", found.pop()).folder.name == visible[0]


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda folder: (folder / "letters.txt").write_text("only one"), None, ""),
        (
            lambda folder: (folder / "letters.txt").write_text("  "),
            DataError,
            "source 'letters' gives no document",
        ),
        (lambda folder: (folder / "letters.txt").unlink(), PageError, "letters.txt.*there is no such file"),
        (
            lambda folder: [path.write_text('{"body": "x"}\n') for path in folder.glob("notes/*.jsonl")],
            DataError,
            "source 'notes' gives no document .*2 records rejected; the first: 0.jsonl:1: no text in field",
        ),
    ],
)
def test_useless_sources_are_told(
    tmp_path: Path, change: Any, kind: type[OrchestratorError] | None, message: str
) -> None:
    page = write_texts(tmp_path / "texts")
    change(tmp_path / "texts")
    if kind is None:
        assert prepare(load_mixture(page), tmp_path / "cache").sources[1].validation_tokens == 0
    else:
        with pytest.raises(kind, match=message):
            prepare(load_mixture(page), tmp_path / "cache")


def test_a_mixture_of_one_document_cannot_be_held_out(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("all of it " * 200)
    (tmp_path / "one.yaml").write_text(
        "sources: [{name: one, kind: files, paths: one.txt, weight: 1}]\n"
        "tokenizer: {train: byte_bpe, vocab_size: 260}\n"
    )
    with pytest.raises(DataError, match=r"one document in each source.*`separator`"):
        prepare(load_mixture(tmp_path / "one.yaml"), tmp_path / "cache")


def test_large_sources_are_cut_into_shards(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(writing, "TOKENS_PER_SHARD", 1000)
    page = write_texts(tmp_path / "texts")
    prepared = prepare(load_mixture(page), tmp_path / "cache")
    shards = prepared.shards("notes", "train")
    assert [prefix.name for prefix in shards] == [f"train-{number:05d}" for number in range(len(shards))]
    assert len(shards) > 1
    assert sum(Shard(prefix).tokens.size for prefix in shards) == prepared.sources[0].train_tokens
