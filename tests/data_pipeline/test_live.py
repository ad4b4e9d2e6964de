"""Samples of a folder that grows are those of the grown folder, and who asks for more waits."""

from __future__ import annotations

import json
import pickle
import shutil
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from data_pipeline.admitted import NAME, digest_of, read_admitted
from data_pipeline.loader import Loader
from data_pipeline.mixture import load_mixture
from data_pipeline.prepare import find_admitted, prepare
from data_pipeline.stored.live import Live
from data_pipeline.stored.orders import own_order
from orchestrator.errors import DataError
from tests.data_pipeline.build.conftest import contents, write_mixture

LENGTH = 16
ORDER = partial(own_order, sequence_length=LENGTH, seed=5)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared folder of three waves."""
    folder = tmp_path_factory.mktemp("whole")
    return prepare(load_mixture(write_mixture(folder / "texts")), folder / "data").folder


class Growing:
    """A copy of a prepared folder that has only its first waves."""

    def __init__(self, whole: Path, folder: Path) -> None:
        self.whole, self.folder = whole, folder
        self.lines = (whole / NAME).read_text().splitlines()
        folder.mkdir()
        self.grow(1)

    def grow(self, waves: int) -> None:
        for line in self.lines[1 : waves + 1]:
            for name in json.loads(line)["files"]:
                if not (self.folder / name).exists():  # nor does a preparation write again what readers have mapped
                    (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(self.whole / name, self.folder / name)
        partial = self.folder / "partial"
        partial.write_text("".join(f"{line}\n" for line in self.lines[: waves + 1]))
        partial.replace(self.folder / NAME)


@pytest.fixture
def growing(whole: Path, tmp_path: Path) -> Growing:
    return Growing(whole, tmp_path / "growing")


def live(folder: Path, patience: float = 60) -> Live:
    return Live(folder, ORDER, patience)


def loader(reader: Live) -> Loader:
    prepared, storage = reader.first
    return Loader(prepared, storage=storage, sequence_length=LENGTH, seed=5, live=reader)


def ends(whole: Path) -> list[int]:
    """How many samples the first waves give; the last gives any number."""
    found = read_admitted(whole)
    assert found is not None
    return [ORDER(found.so_far(waves)).samples.samples or 10**9 for waves in range(1, len(found.waves) + 1)]


def test_each_wave_gives_more_samples_and_the_last_any_number(whole: Path) -> None:
    first, second, last = ends(whole)
    assert 0 < first < second < last == 10**9


def test_what_is_read_early_is_what_is_read_late(whole: Path, growing: Growing) -> None:
    late, early = live(whole), live(growing.folder)
    first, second, _ = ends(whole)
    begin = 0
    for waves, end in ((1, first), (2, second), (3, second + 500)):
        growing.grow(waves)
        indices = np.arange(begin, end)
        assert early.there(end)
        assert (early.tokens(indices) == late.tokens(indices)).all()
        assert early.describe(indices) == late.describe(indices)
        begin = end
    assert (early.tokens(np.arange(500)) == late.tokens(np.arange(500))).all()


def test_who_asks_for_more_waits_for_the_wave_that_has_it(whole: Path, growing: Growing) -> None:
    ours = loader(live(growing.folder))
    first, second, _ = ends(whole)
    arrays = [np.arange(begin, begin + 8) for begin in range(0, second + 80, 8)]
    read: list[list[list[int]]] = []

    def take() -> None:
        read.extend(batch.tokens.tolist() for batch in ours.batches(arrays, workers=2, ahead=3))

    thread = threading.Thread(target=take)
    thread.start()
    growing.grow(2)
    thread.join(0.2)
    growing.grow(3)
    thread.join(60)
    assert not thread.is_alive()
    expected = live(whole)
    assert read == [expected.tokens(array).tolist() for array in arrays]
    assert first < second


def test_nothing_is_read_ahead_that_is_not_there(whole: Path, growing: Growing) -> None:
    """Who stops a run would else wait, with a thread that waits for data."""
    ours = loader(live(growing.folder))
    end = ends(whole)[0]
    batches = ours.batches((np.arange(begin, begin + 8) for begin in range(0, 10**6, 8)), workers=2, ahead=50)
    taken = [next(batches) for _ in range(end // 8)]
    assert len(taken) == end // 8
    batches.close()  # type: ignore[attr-defined]


def test_readers_in_other_processes_follow_too(whole: Path, growing: Growing) -> None:
    copy = pickle.loads(pickle.dumps(live(growing.folder)))
    end = ends(whole)[1]
    growing.grow(2)
    assert (copy.tokens(np.arange(end)) == live(whole).tokens(np.arange(end))).all()


def test_nobody_waits_for_a_preparation_that_is_dead(whole: Path, growing: Growing) -> None:
    ours = live(growing.folder, patience=0)
    with pytest.raises(DataError, match=r"has 1 waves of shards, the run needs more, and nobody has prepared any.*make resume"):
        ours.tokens(np.arange(ends(whole)[0] + 1))


def test_held_out_windows_are_those_of_the_first_wave(whole: Path, growing: Growing) -> None:
    early = loader(live(growing.folder)).validation(6)
    assert (early.tokens == loader(live(whole)).validation(6).tokens).all()
    assert len(early) == 6


def test_a_folder_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to train on yet"):
        live(tmp_path)


def test_a_source_without_a_weight_is_refused(growing: Growing) -> None:
    path = growing.folder / NAME
    path.write_text(path.read_text().replace('["letters", 1.0]', '["letters", null]'))
    with pytest.raises(DataError, match=r"source 'letters' of .* has no weight"):
        live(growing.folder)


def test_the_folder_is_found_by_its_fingerprint_before_it_is_complete(growing: Growing) -> None:
    found = read_admitted(growing.folder)
    assert found is not None
    assert find_admitted(growing.folder.parent, found.fingerprint) == growing.folder
    with pytest.raises(DataError, match="no prepared data with the fingerprint"):
        find_admitted(growing.folder.parent, "0" * 64)


def test_a_preparation_that_goes_on_takes_back_nothing_that_was_admitted(whole: Path, tmp_path: Path) -> None:
    """It wrote the list anew, from the first wave on, under the eyes of the run that had read three."""
    page = write_mixture(tmp_path / "texts")
    made = prepare(load_mixture(page), tmp_path / "data").folder
    before = (made / NAME).stat()
    (made / "prepared.json").unlink()
    seen = []

    prepare(load_mixture(page), tmp_path / "data", lambda event: seen.append((made / NAME).stat().st_ino))
    assert set(seen) == {before.st_ino}
    assert contents(made).keys() == contents(whole).keys()


def test_waves_that_hold_something_else_are_told_apart(whole: Path) -> None:
    found = read_admitted(whole)
    assert found is not None
    assert len({digest_of(wave) for wave in found.waves}) == 3
