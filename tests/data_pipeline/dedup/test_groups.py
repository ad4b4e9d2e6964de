"""Groups of rows against dictionaries, clusters against networkx."""

from __future__ import annotations

from collections import defaultdict

import networkx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.dedup.groups import clusters, copies, frequent, neighbours, pairs_of
from data_pipeline.surveys import MARKS, ROWS

ROW = st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 5), st.integers(0, 3))


def rows_of(tuples: set[tuple[int, int, int, int]]) -> np.ndarray:
    return np.array(sorted(tuples), ROWS)


def groups_of(tuples: set[tuple[int, int, int, int]]) -> list[list[tuple[int, int]]]:
    found = defaultdict(list)
    for key, low, document, at in sorted(tuples):
        found[key, low].append((document, at))
    return list(found.values())


def columns(marks: np.ndarray) -> list[tuple[int, ...]]:
    return sorted(zip(*(marks[name].tolist() for name in ("document", "at", "first", "first_at")), strict=True))


@settings(deadline=None)
@given(st.sets(ROW), st.integers(2, 4))
def test_copies_and_frequent_ones_are_those_of_a_dictionary(tuples: set[tuple[int, int, int, int]], least: int) -> None:
    groups = groups_of(tuples)
    assert columns(copies(rows_of(tuples))) == sorted((*row, *group[0]) for group in groups for row in group[1:])
    assert columns(frequent(rows_of(tuples), least)) == sorted((*row, *group[0]) for group in groups if len(group) >= least for row in group)


@settings(deadline=None)
@given(st.sets(ROW))
def test_neighbours_are_the_first_and_the_one_before(tuples: set[tuple[int, int, int, int]]) -> None:
    groups = groups_of(tuples)
    expected = [(*row, *other) for group in groups for place, row in enumerate(group) for other in {group[0], group[place - 1]} if place]
    assert columns(neighbours(rows_of(tuples))) == sorted(expected)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40))
def test_clusters_are_connected_components(ends: list[tuple[int, int]]) -> None:
    marks = np.zeros(len(ends), MARKS)
    marks["document"], marks["first"] = [max(pair) << 33 for pair in ends], [min(pair) << 33 for pair in ends]
    found = clusters(pairs_of(marks))
    expected = {}
    for component in networkx.connected_components(networkx.Graph(ends)):
        expected.update({node << 33: min(component) << 33 for node in component if node != min(component)})
    assert dict(zip(found["document"].tolist(), found["first"].tolist(), strict=True)) == expected
    assert found["document"].tolist() == sorted(expected)
