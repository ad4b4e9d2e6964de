"""The cache never holds more than it may, whoever uses it at once, and never gives other bytes than were fetched."""

from __future__ import annotations

import multiprocessing
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from data_pipeline.stored.cache import BlockCache
from orchestrator.errors import CommandError

BLOCK = 1024
CAPACITY = 20 * BLOCK


def contents(number: int) -> bytes:
    return random.Random(number).randbytes(BLOCK)


def held(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "blocks").iterdir())


def read(cache: BlockCache, number: int, start: int = 0, end: int = BLOCK) -> bytes:
    return cache.read(f"file-{number}", start, end, BLOCK, lambda: contents(number))


@pytest.fixture
def cache(tmp_path: Path) -> BlockCache:
    return BlockCache(tmp_path, capacity=CAPACITY, block=BLOCK)


def test_a_block_is_fetched_once_and_any_part_of_it_is_given(cache: BlockCache) -> None:
    asked: list[int] = []

    def fetch() -> bytes:
        asked.append(1)
        return contents(1)

    for start, end in ((0, BLOCK), (10, 20), (BLOCK - 1, BLOCK), (5, 5)):
        assert cache.read("file-1", start, end, BLOCK, fetch) == contents(1)[start:end]
    assert len(asked) == 1


def test_the_bound_holds_and_what_was_used_last_stays(cache: BlockCache) -> None:
    for number in range(200):
        assert read(cache, number) == contents(number)
        assert read(cache, 0) == contents(0)
        assert held(cache.folder) <= CAPACITY
    names = {path.name for path in (cache.folder / "blocks").iterdir()}
    assert {"file-0", "file-199", "file-198"} <= names
    assert len(names) >= 0.8 * CAPACITY / BLOCK


def use(folder: Path, seed: int) -> int:
    """Reads at random in one process; returns the most bytes it saw held."""
    cache, chance, most = BlockCache(folder, capacity=CAPACITY, block=BLOCK), random.Random(seed), 0
    for turn in range(400):
        number = chance.randrange(60)
        start = chance.randrange(BLOCK)
        assert read(cache, number, start) == contents(number)[start:]
        if turn % 10 == 0:
            sizes = 0
            for path in (folder / "blocks").iterdir():
                try:
                    sizes += path.stat().st_size
                except FileNotFoundError:
                    continue
            most = max(most, sizes)
    return most


def test_processes_and_threads_share_it_and_the_bound_holds(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        most = pool.starmap(use, [(tmp_path, seed) for seed in range(3)])
    assert max(most) <= CAPACITY
    with ThreadPoolExecutor(4) as threads:
        assert max(threads.map(lambda seed: use(tmp_path, seed), range(4))) <= CAPACITY


@pytest.mark.parametrize("damage", [b"", b"short", bytes(BLOCK + 4)], ids=["empty", "cut", "other bytes"])
def test_a_block_that_is_damaged_on_disk_is_fetched_again(cache: BlockCache, damage: bytes) -> None:
    """After a power cut a file may have its name and not its bytes."""
    read(cache, 1)
    (cache.folder / "blocks" / "file-1").write_bytes(damage)
    (cache.folder / "held").write_text("")
    fresh = BlockCache(cache.folder, capacity=CAPACITY, block=BLOCK)
    assert read(fresh, 1, 100) == contents(1)[100:]
    assert read(BlockCache(cache.folder, capacity=CAPACITY, block=BLOCK), 1) == contents(1)


def test_an_error_while_fetching_leaves_nothing_behind(cache: BlockCache) -> None:
    def fail() -> bytes:
        raise OSError("cut")

    with pytest.raises(OSError, match="cut"):
        cache.read("file-1", 0, 10, BLOCK, fail)
    assert held(cache.folder) == 0
    assert read(cache, 1) == contents(1)


def test_a_cache_of_a_few_blocks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"too small for blocks of .*; give it at least"):
        BlockCache(tmp_path, capacity=15 * BLOCK, block=BLOCK)
