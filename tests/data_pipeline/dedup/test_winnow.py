"""Picks against a plain loop over windows; what the paper promises of them; hashes of windows tell windows apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.dedup import winnow
from data_pipeline.dedup.cut import bytes_of
from data_pipeline.dedup.winnow import Winnow
from data_pipeline.measures.hashing import gram_hashes, mixed
from tests.data_pipeline.measures.texts import DOCUMENTS

FEW = st.text("ab ", max_size=120).map(bytes_of)


def plain_picks(data: np.ndarray, size: int, gram: int) -> list[int]:
    """For each window, where its pick stands: the least of the upper 32 bits, the last of equals."""
    grams = (mixed(gram_hashes(winnow._FIRST[data], gram)) >> np.uint64(32)).tolist()
    width = size - gram + 1
    return [min(range(start, start + width), key=lambda place: (grams[place], -place)) for start in range(len(data) - size + 1)]


@settings(deadline=None)
@given(FEW, st.integers(4, 20), st.integers(1, 20))
def test_picks_are_those_of_a_plain_loop(data: np.ndarray, size: int, gram: int) -> None:
    gram = min(gram, size)
    places, hashes = Winnow(size=size, gram=gram).picked(data)
    assert places.tolist() == sorted(set(plain_picks(data, size, gram)))
    assert hashes.size == places.size


@settings(deadline=None)
@given(FEW, FEW, FEW, st.text("abc", min_size=12, max_size=40).map(bytes_of))
def test_equal_texts_share_a_pick_wherever_they_stand(before: np.ndarray, after: np.ndarray, alone: np.ndarray, shared: np.ndarray) -> None:
    """Schleimer, Wilkerson, Aiken (2003), section 3: every match of w + k - 1 or longer is found."""
    one, other = np.concatenate([before, shared, after]), np.concatenate([alone, shared])
    winnowed = [Winnow(size=12, gram=7).picked(data) for data in (one, other)]
    inside = [
        {int(value) for place, value in zip(places.tolist(), hashes, strict=True) if start <= place <= start + len(shared) - 7}
        for (places, hashes), start in zip(winnowed, (len(before), len(alone)), strict=True)
    ]
    assert inside[0] & inside[1]


def test_density_on_real_texts_is_as_published() -> None:
    """2 / (w + 1) of all places, for hashes that are as good as random (Theorem 1)."""
    data = bytes_of(max((text for _, text in DOCUMENTS), key=len) * 1)
    random = np.random.default_rng(0).integers(0, 256, 200_000, dtype=np.uint8)
    assert Winnow(size=50, gram=31).picked(random)[0].size / random.size == pytest.approx(2 / 21, rel=0.02)
    assert Winnow(size=50, gram=31).picked(data)[0].size / data.size == pytest.approx(2 / 21, rel=0.3)


@settings(deadline=None)
@given(FEW, st.sets(st.integers(0, 119)))
def test_windows_with_a_place_are_those_that_pick_it_and_keys_are_their_bytes(data: np.ndarray, wanted: set[int]) -> None:
    size, gram = 10, 6
    places = np.array(sorted(place for place in wanted if place < data.size), np.uint32)
    at, key, low = Winnow(size=size, gram=gram).windows_with(data, places)
    assert at.tolist() == [start for start, place in enumerate(plain_picks(data, size, gram)) if place in wanted]
    contents = [data[start : start + size].tobytes() for start in at.tolist()]
    assert len(set(contents)) == len(set(key.tolist())) == len(set(low.tolist()))
    assert len(set(zip(contents, key.tolist(), low.tolist(), strict=True))) == len(set(contents))


def test_long_texts_are_worked_on_in_pieces_that_nobody_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes_of("".join(text for _, text in DOCUMENTS))[:20_000]
    whole = Winnow(size=50, gram=31)
    expected, windows = whole.picked(data), whole.windows_with(data, whole.picked(data)[0][::3])
    for chunk in (1, 7, 50, 1000):
        monkeypatch.setattr(winnow, "_CHUNK", chunk)
        part = data if chunk > 7 else data[:700]
        found = whole.picked(part)
        assert all(np.array_equal(a, b[: a.size]) for a, b in zip(found, expected, strict=True))
        if part is data:
            again = whole.windows_with(data, expected[0][::3])
            assert all(np.array_equal(a, b) for a, b in zip(again, windows, strict=True))


@pytest.mark.parametrize("size", [0, 1, 49, 50, 51])
def test_a_text_shorter_than_a_window_has_no_pick(size: int) -> None:
    data = np.full(size, 97, np.uint8)
    assert Winnow(size=50, gram=31).picked(data)[0].size == max(0, size - 49)
