"""Work is done once, whole or not at all, and by whoever does it the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_pipeline.progress import Event, Finished, Line, Started, Ticked
from data_pipeline.work import Executor, InProcesses, OneByOne, Store
from data_pipeline.work.store import name_of
from orchestrator.errors import DataError
from tests.data_pipeline.work.jobs import Writes

STAGE = Started("write", 4)


@pytest.fixture(scope="module")
def processes() -> Iterator[InProcesses]:
    pool = InProcesses(2)
    yield pool
    pool.close()


def store_in(folder: Path) -> Store:
    store = Store(folder / "store")
    store.sweep()
    return store


def quiet(event: Event) -> None: ...


def jobs_in(folder: Path, *texts: str, dies: int = 0) -> list[Writes]:
    return [Writes(title=text, text=text, log=folder / "log", dies=dies) for text in texts]


def done_in(folder: Path) -> list[str]:
    return (folder / "log").read_text().split()


def test_a_job_is_done_once_and_then_found(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    (job,) = jobs_in(tmp_path, "hello")
    first = store.perform(job, quiet)
    assert store.perform(job, quiet) == first == Store(store.folder).find(job)
    assert (first.path("text.txt").read_text(), first.facts["length"]) == ("hello", 5)
    assert done_in(tmp_path) == ["hello"]


def test_what_decides_the_result_decides_the_name_and_a_title_does_not(tmp_path: Path) -> None:
    one, other = jobs_in(tmp_path, "hello", "world")
    renamed = Writes(title="another title", text="hello", log=tmp_path / "log")
    assert name_of(one) == name_of(renamed) != name_of(other)


def test_a_job_that_writes_otherwise_does_not_take_the_old_for_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_in(tmp_path)
    store.perform(jobs_in(tmp_path, "hello")[0], quiet)
    monkeypatch.setattr(Writes, "version", 2)
    assert store.find(jobs_in(tmp_path, "hello")[0]) is None


def test_outputs_of_equal_contents_have_equal_digests(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    here, there = (store.perform(job, quiet) for job in jobs_in(tmp_path, "hello", "world"))
    assert here.digest() == here.digest("text.txt") != there.digest()


def test_a_job_that_lost_a_file_or_a_byte_is_done_again(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    (job,) = jobs_in(tmp_path, "hello")
    for damage in (Path.unlink, lambda path: path.write_text("hell")):
        damage(store.perform(job, quiet).path("text.txt"))
        assert store.find(job) is None
        assert store.perform(job, quiet).path("text.txt").read_text() == "hello"
    (store.folder / name_of(job) / "receipt.json").write_text('{"facts": ')
    assert store.perform(job, quiet).facts["length"] == 5
    assert done_in(tmp_path) == ["hello"] * 4


def test_a_job_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    with pytest.raises(DataError, match="no luck"):
        store.perform(Writes(title="x", text="x", log=tmp_path / "log", fails="no luck"), quiet)
    assert list(store.folder.iterdir()) == []


def test_what_a_dead_process_left_is_swept_and_what_is_not_asked_for_forgotten(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    old, new = jobs_in(tmp_path, "old", "new")
    store.perform(old, quiet)
    (store.folder / ".writes-abandoned").mkdir()
    (store.folder / "ticks").mkdir()
    again = Store(store.folder)
    again.sweep()
    again.perform(new, quiet)
    again.forget_unused()
    assert [path.name for path in store.folder.iterdir()] == [name_of(new)]


def test_every_executor_gives_the_same_in_the_order_of_the_jobs(tmp_path: Path, processes: InProcesses) -> None:
    texts = ["one", "two", "three", "four"]
    found = []
    for name, executor in (("one", OneByOne()), ("many", processes)):
        (tmp_path / name).mkdir()
        said: list[Event] = []
        store = store_in(tmp_path / name)
        doer: Executor = executor
        outputs = doer.perform(STAGE, jobs_in(tmp_path / name, *texts), store, said.append)
        found.append([(output.folder.name, output.files, output.facts) for output in outputs])
        assert sorted(done_in(tmp_path / name)) == sorted(texts)
        assert {event.block for event in said if isinstance(event, Finished)} == set(texts)
        assert {event.bytes for event in said if isinstance(event, Ticked)} == {3, 4, 5}
    assert found[0] == found[1]
    assert [json.loads((tmp_path / "one/store" / name / "receipt.json").read_text())["title"] for name, _, _ in found[0]] == texts


def test_an_error_in_a_process_is_raised_here(tmp_path: Path, processes: InProcesses) -> None:
    job = Writes(title="x", text="x", log=tmp_path / "log", fails="the disk is tired")
    with pytest.raises(DataError, match="the disk is tired"):
        processes.perform(STAGE, [job], store_in(tmp_path), quiet)


def test_a_process_that_is_killed_is_replaced_and_its_job_done_again(tmp_path: Path) -> None:
    executor = InProcesses(1)
    said: list[Event] = []
    outputs = executor.perform(STAGE, jobs_in(tmp_path, "hello", dies=1), store_in(tmp_path), said.append)
    executor.close()
    assert outputs[0].path("text.txt").read_text() == "hello"
    assert not outputs[0].path("half.txt").exists()
    assert [event.text for event in said if isinstance(event, Line)] == [
        "a process that prepared data was ended from outside; its work is done again"
    ]


def test_one_that_is_killed_every_time_is_told(tmp_path: Path) -> None:
    executor = InProcesses(1)
    with pytest.raises(DataError, match=r"ended from outside 3 times.*fewer workers"):
        executor.perform(STAGE, jobs_in(tmp_path, "hello", dies=9), store_in(tmp_path), quiet)
    executor.close()
