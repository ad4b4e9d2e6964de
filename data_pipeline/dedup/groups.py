"""Rows of equal keys: which is the first, which come later; and clusters from pairs.

Rows are `steps.ROWS`, sorted by key, low, document and at. Whichever part of all keys is looked at, a group
is whole in it, so the marks of all parts together are the same however the keys were divided.
"""

from __future__ import annotations

import numpy as np

from data_pipeline.surveys import MARKS


def firsts(rows: np.ndarray) -> np.ndarray:
    """int64 [rows]: the place of the first row that has the same key and low."""
    new = np.ones(rows.size, bool)
    new[1:] = (rows["key"][1:] != rows["key"][:-1]) | (rows["low"][1:] != rows["low"][:-1])
    return np.maximum.accumulate(np.where(new, np.arange(rows.size), 0))


def counts(first: np.ndarray) -> np.ndarray:
    """int64 [rows]: how many rows have the same key, from `firsts`."""
    return np.bincount(first, minlength=first.size)[first]


def marks_of(rows: np.ndarray, first: np.ndarray, size: int = 0) -> np.ndarray:
    """MARKS [rows]: each row beside the row of its first."""
    marks = np.empty(rows.size, MARKS)
    marks["document"], marks["at"], marks["size"] = rows["document"], rows["at"], size
    marks["first"], marks["first_at"] = first["document"], first["at"]
    return marks


def frequent(rows: np.ndarray, least: int, size: int = 0) -> np.ndarray:
    """MARKS of every row whose key occurs `least` times or more."""
    first = firsts(rows)
    chosen = np.flatnonzero(counts(first) >= least)
    return marks_of(rows[chosen], rows[first[chosen]], size)


def copies(rows: np.ndarray) -> np.ndarray:
    """MARKS of every row but the first of its key."""
    first = firsts(rows)
    later = np.flatnonzero(first != np.arange(rows.size))
    return marks_of(rows[later], rows[first[later]])


def neighbours(rows: np.ndarray) -> np.ndarray:
    """MARKS of every row but the first of its key, beside the first and the one before it.

    All pairs of a group would be the square of its size; where the first only looks alike, the one before makes up
    for it.
    """
    first = firsts(rows)
    later = np.flatnonzero(first != np.arange(rows.size))
    further = later[first[later] != later - 1]
    beside_first = marks_of(rows[later], rows[first[later]])
    return np.concatenate([beside_first, marks_of(rows[further], rows[further - 1])])


def pairs_of(marks: np.ndarray) -> np.ndarray:
    """The MARKS, each pair of document and first once, in order; none of a document with itself."""
    marks = marks[marks["document"] != marks["first"]]
    marks = marks[np.lexsort((marks["first"], marks["document"]))]
    new = np.ones(marks.size, bool)
    new[1:] = (marks["document"][1:] != marks["document"][:-1]) | (marks["first"][1:] != marks["first"][:-1])
    return marks[new]


def clusters(pairs: np.ndarray) -> np.ndarray:
    """MARKS of every document that a chain of pairs connects with an earlier one; `first` is that of its cluster."""
    if not pairs.size:
        return pairs
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    documents = np.unique(np.concatenate([pairs["document"], pairs["first"]]))
    ends = np.searchsorted(documents, pairs["document"]), np.searchsorted(documents, pairs["first"])
    graph = coo_array((np.ones(pairs.size, np.int8), ends), shape=(documents.size, documents.size))
    _, cluster = connected_components(graph, directed=False)
    _, place = np.unique(cluster, return_index=True)
    first = documents[place[cluster]]
    later = first != documents
    marks = np.zeros(int(later.sum()), MARKS)
    marks["document"], marks["first"] = documents[later], first[later]
    return marks
