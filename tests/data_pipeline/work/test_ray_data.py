"""Jobs on a real Ray: three raylets on this machine, started once for all tests here, and taken down whole."""

from __future__ import annotations

import errno
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_pipeline.mixture import load_mixture
from data_pipeline.prepare import prepare
from data_pipeline.progress import Event, Finished, Started, Ticked
from data_pipeline.work import Executor, Store
from orchestrator.errors import CommandError, DataError
from orchestrator.launch import cluster
from orchestrator.launch.cluster import Standing
from orchestrator.launch.preparing import executor_for
from orchestrator.spec.cluster import ClusterSpec
from tests.data_pipeline.build.conftest import contents, write_mixture
from tests.data_pipeline.work.jobs import Fails, Writes

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]

PAGE = ClusterSpec.model_validate({"nodes": 3, "node": {"accelerator": "cpu", "count": 2}})
STAGE = Started("write", 4)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    states = tmp_path_factory.mktemp("clusters")
    started = cluster.up(PAGE, name="preparing", states=states)
    try:
        yield started
    finally:
        cluster.down("preparing", states=states)
        assert not started.alive


@pytest.fixture(scope="module")
def cluster_page(standing: Standing, tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("pages") / "three.yaml"
    page.write_text(f"nodes: 3\nnode: {{accelerator: cpu, count: 2}}\nray: {{address: '{standing.address}'}}\n")
    return page


@pytest.fixture(scope="module")
def mixture_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mixture(tmp_path_factory.mktemp("texts"))


@pytest.fixture
def on_ray(standing: Standing) -> Iterator[Executor]:
    from data_pipeline.work.ray_data import OnRay

    executor = OnRay(standing.address)
    yield executor
    executor.close()


def store_in(folder: Path) -> Store:
    store = Store(folder / "store")
    store.sweep()
    return store


def quiet(event: Event) -> None: ...


def scraped(standing: Standing) -> str:
    texts = []
    for address in standing.metrics:
        with urllib.request.urlopen(address, timeout=10) as answer:
            texts.append(answer.read().decode())
    return "\n".join(texts)


def test_a_cluster_gives_the_same_bytes_and_is_left_as_it_was(
    cluster_page: Path, mixture_page: Path, tmp_path: Path, standing: Standing
) -> None:
    import ray

    mixture = load_mixture(mixture_page)
    expected = contents(prepare(mixture, tmp_path / "here").folder)
    doer = executor_for(mixture, tmp_path, cluster=str(cluster_page))
    assert contents(prepare(mixture, tmp_path / "there", executor=doer).folder) == expected
    assert not ray.is_initialized()
    assert standing.alive


def test_a_cluster_that_is_not_up_is_told(mixture_page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "away.yaml").write_text("nodes: 2\nnode: {accelerator: cpu, count: 2}\n")
    mixture = load_mixture(mixture_page)
    doer = executor_for(mixture, tmp_path, cluster="away.yaml")
    with pytest.raises(CommandError, match=r"cluster away is not up\n  next: make up CLUSTER=away.yaml"):
        prepare(mixture, tmp_path / "data", executor=doer)


def test_workers_of_this_machine_are_not_those_of_a_cluster(mixture_page: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"--workers 2 are processes of this machine.*say one of the two"):
        executor_for(load_mixture(mixture_page), tmp_path, cluster="away.yaml", workers=2)


@pytest.mark.parametrize("error", [DataError("shard 7 is tired"), OSError(errno.ENOSPC, "No space left on device", "x.bin")])
def test_an_error_of_a_job_is_raised_here_as_itself(error: Exception, on_ray: Executor, tmp_path: Path) -> None:
    log = tmp_path / "log"
    jobs = [Fails(title="0", number=0, log=log, error=error), Fails(title="1", number=1, log=log)]
    store = store_in(tmp_path)
    with pytest.raises(type(error)) as raised:
        on_ray.perform(STAGE, jobs, store, quiet)
    assert str(raised.value) == str(error)
    assert getattr(raised.value, "errno", None) == getattr(error, "errno", None)


def test_a_process_that_is_killed_is_replaced_and_its_job_done_again(on_ray: Executor, tmp_path: Path) -> None:
    said: list[Event] = []
    jobs = [Writes(title=text, text=text, log=tmp_path / "log", dies=dies) for text, dies in (("one", 0), ("two", 2))]
    outputs = on_ray.perform(STAGE, jobs, store_in(tmp_path), said.append)
    assert [output.path("text.txt").read_text() for output in outputs] == ["one", "two"]
    assert {event.block for event in said if isinstance(event, Finished)} == {"one", "two"}
    assert {event.bytes for event in said if isinstance(event, Ticked)} == {3}


def test_one_that_is_killed_every_time_is_told(on_ray: Executor, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x: the process .* was ended from outside 4 times.*smaller `block:`"):
        on_ray.perform(STAGE, [Writes(title="x", text="x", log=tmp_path / "log", dies=99)], store_in(tmp_path), quiet)


def test_progress_is_on_the_metrics_of_a_node(on_ray: Executor, standing: Standing, tmp_path: Path) -> None:
    jobs = [Fails(title=str(n), number=n, log=tmp_path / "log", waits_s=0.5) for n in range(3)]
    for _ in range(20):
        on_ray.perform(STAGE, jobs, store_in(tmp_path), quiet)
        if "ray_orchestrator_data_blocks_done{" in (text := scraped(standing)):
            break
        tmp_path = tmp_path / "again"
        tmp_path.mkdir()
    (line,) = {line for line in text.splitlines() if line.startswith("ray_orchestrator_data_blocks{")}
    assert 'stage="write"' in line
    assert line.endswith(" 4.0")
