"""Documents are held out by the hash of their id, and always at least one."""

from __future__ import annotations

import numpy as np
import pytest

from data_pipeline.held_out import hold_out
from data_pipeline.sources import Document

IDS = np.array([1, 0])


def held(names: list[str], *, fraction: float = 0.02, seed: int = 0) -> set[str]:
    encoded = [(Document(id=name, text="", source="s"), IDS) for name in names]
    sent = list(hold_out(encoded, fraction=fraction, seed=seed))
    assert sorted(document.id for _, document, _ in sent) == sorted(names)
    return {document.id for split, document, _ in sent if split == "validation"}


def names(count: int) -> list[str]:
    return [f"page/{number}" for number in range(count)]


def test_the_share_is_about_the_fraction() -> None:
    assert 300 < len(held(names(5000), fraction=0.07)) < 400


@pytest.mark.parametrize("count", [2, 3, 10])
def test_one_is_held_out_even_of_a_few(count: int) -> None:
    assert len(held(names(count), fraction=1e-9)) == 1


def test_the_only_document_is_trained_on() -> None:
    assert held(names(1), fraction=1e-9) == set()


@pytest.mark.parametrize("fraction", [1e-9, 0.02, 0.3])
def test_the_order_of_documents_does_not_matter(fraction: float) -> None:
    assert held(names(40), fraction=fraction) == held(names(40)[::-1], fraction=fraction)


def test_new_documents_move_none_from_one_side_to_the_other() -> None:
    assert held(names(2000)) & set(names(1000)) == held(names(1000))


def test_the_seed_chooses_others() -> None:
    assert held(names(1000), seed=1) != held(names(1000), seed=2)
