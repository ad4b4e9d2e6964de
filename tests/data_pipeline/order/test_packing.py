"""Boundaries against Megatron's search for the end of document; best fit against the textbook, step by step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from data_pipeline.order.best_fit import Packing, pack
from data_pipeline.order.kept import kept
from data_pipeline.order.packing import boundaries

EOD = 0


def stream(lengths: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """(tokens, bounds) of documents that end with EOD."""
    tokens = np.concatenate([np.append(np.full(length - 1, 7), EOD) if length else np.empty(0, int) for length in lengths])
    return tokens, np.concatenate(([0], np.cumsum(lengths)))


@pytest.mark.filterwarnings("ignore")  # megatron-core warns of optional packages when it is imported
def test_boundaries_are_what_megatron_finds_by_searching_the_tokens() -> None:
    megatron = pytest.importorskip("megatron.core.datasets.gpt_dataset", exc_type=ImportError)
    torch = pytest.importorskip("torch")
    chance = np.random.default_rng(0)
    for length in (8, 64):
        lengths = (chance.integers(1, 40, 200) * (chance.random(200) > 0.1)).tolist()
        tokens, bounds = stream(lengths)
        starts = chance.integers(0, len(tokens) - length, 30)
        found = boundaries(bounds, starts, length)
        edges = set(found.cu_seqlens.tolist())
        for row, start in enumerate(starts.tolist()):
            window = torch.from_numpy(tokens[start : start + length].astype(np.int64))
            mask, _, positions = megatron._get_ltor_masks_and_position_ids(window, EOD, True, True, False, True)
            assert found.positions[row].tolist() == positions.tolist()
            visible = (~mask[0]).numpy()  # True where a token may look
            begins = [place for place in range(length) if visible[place].sum() == 1]
            assert [edge - row * length for edge in sorted(edges) if row * length <= edge < (row + 1) * length] == begins
        assert found.longest == int(np.diff(found.cu_seqlens).max())
        assert found.cu_seqlens.dtype == np.int32


def test_one_document_over_many_samples_has_one_piece_in_each() -> None:
    found = boundaries(np.array([0, 1000]), np.array([0, 10, 500]), 10)
    assert found.cu_seqlens.tolist() == [0, 10, 20, 30]
    assert found.positions.tolist() == [list(range(10))] * 3
    assert found.longest == 10


def best_fit_by_the_book(sizes: list[int], capacity: int) -> list[int]:
    """Longest first, each into the sample that it fills best, the last opened among equals: O(pieces x samples)."""
    rooms: list[int] = []
    touched: list[int] = []
    for turn, size in enumerate(sorted(sizes, reverse=True)):
        fitting = [sample for sample, room in enumerate(rooms) if room >= size]
        if fitting:
            chosen = min(fitting, key=lambda sample: (rooms[sample], -touched[sample]))
        else:
            chosen = len(rooms)
            rooms.append(capacity)
            touched.append(turn)
        rooms[chosen] -= size
        touched[chosen] = turn
    return rooms


def first_fit_by_the_book(sizes: list[int], capacity: int) -> int:
    rooms: list[int] = []
    for size in sorted(sizes, reverse=True):
        chosen = next((sample for sample, room in enumerate(rooms) if room >= size), len(rooms))
        if chosen == len(rooms):
            rooms.append(capacity)
        rooms[chosen] -= size
    return len(rooms)


def cut(lengths: list[int], capacity: int) -> list[int]:
    return [piece for length in lengths for piece in [capacity] * (length // capacity) + [length % capacity] if piece]


@settings(max_examples=80, deadline=None)
@given(lengths=some.lists(some.integers(0, 70), max_size=60), capacity=some.integers(1, 40), group=some.integers(1, 70))
def test_every_token_is_packed_once_and_nothing_is_cut_that_fits(lengths: list[int], capacity: int, group: int) -> None:
    packing = pack(np.array(lengths, dtype=np.int32), capacity, group=group)
    rows, pieces = packing.locate(np.arange(len(packing)))
    packed = sorted((document, token) for document, start, end in pieces.tolist() for token in range(start, end))
    assert packed == [(document, token) for document, length in enumerate(lengths) for token in range(length)]
    assert np.bincount(rows, weights=pieces[:, 2] - pieces[:, 1], minlength=len(packing)).max(initial=0) <= capacity
    assert len(pieces) == sum(-(-length // capacity) for length in lengths)


@settings(max_examples=80, deadline=None)
@given(lengths=some.lists(some.integers(1, 70), min_size=1, max_size=60), capacity=some.integers(2, 40))
def test_the_samples_are_those_of_best_fit_and_no_more_than_of_first_fit(lengths: list[int], capacity: int) -> None:
    packing = pack(np.array(lengths, dtype=np.int32), capacity)
    rows, pieces = packing.locate(np.arange(len(packing)))
    filled = np.bincount(rows, weights=pieces[:, 2] - pieces[:, 1]).astype(int)
    sizes = cut(lengths, capacity)
    assert (capacity - filled).tolist() == best_fit_by_the_book(sizes, capacity)
    least = -(-sum(lengths) // capacity)
    assert len(packing) >= least
    assert abs(len(packing) - first_fit_by_the_book(sizes, capacity)) <= 1


def test_padding_on_lengths_like_those_of_text_is_small() -> None:
    """Log-normal lengths, half of them under 300 tokens, into samples of 2,049; a stream wastes nothing but cuts documents."""
    lengths = np.random.default_rng(0).lognormal(5.7, 1.2, 20_000).astype(np.int32)
    packing = pack(lengths, 2049)
    assert 1 - lengths.sum() / (len(packing) * 2049) < 2e-3
    ends = np.cumsum(lengths, dtype=np.int64)
    starts = ends - lengths
    cut_by_a_stream = ((ends - 1) // 2048 > starts // 2048) & (lengths <= 2048)
    assert cut_by_a_stream.sum() > 3000  # documents that would have fit into one sample; best fit cuts none of them
    pieces_of_each = np.bincount(packing.pieces[:, 0], minlength=len(lengths))
    assert pieces_of_each[lengths <= 2049].max() == 1


def test_a_packing_is_kept_and_memory_mapped(tmp_path: Path) -> None:
    packing = pack(np.array([5, 0, 30, 7, 7], dtype=np.int32), 12)

    def while_another_is_faster() -> dict[str, np.ndarray]:
        kept(tmp_path / "packed-12", packing.arrays)
        return packing.arrays()

    again = Packing(capacity=12, **kept(tmp_path / "packed-12", while_another_is_faster))
    assert [path.name for path in tmp_path.iterdir()] == ["packed-12"]
    assert isinstance(again.pieces, np.memmap)
    for sample in range(len(packing)):
        assert again.locate(np.array([sample]))[1].tolist() == packing.locate(np.array([sample]))[1].tolist()
    assert again.filled(np.array([2, 0])).tolist() == [tokens_in(packing, 2), tokens_in(packing, 0)]


def tokens_in(packing: Packing, sample: int) -> int:
    return sum(end - start for _, start, end in packing.locate(np.array([sample]))[1].tolist())
