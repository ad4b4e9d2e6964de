"""Where documents meet inside a sample: cumulative lengths for attention kernels, and positions that begin anew.

A window of a token stream holds the end of one document and the beginning of others. A model that shall not look from one
into another is told where they meet. Megatron finds that out by searching each sample for its end-of-document token, and a mask built
of it is S x S; here it follows from the lengths of the documents, for all samples of a batch at once, without reading a token.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Boundaries:
    """Of n samples, laid end to end.

    cu_seqlens  int32[pieces + 1]   where each piece of a document begins in the n * length tokens, then their number
    positions   int64[n, length]    of each token in its piece, from 0
    longest     int                 tokens of the longest piece
    """

    cu_seqlens: np.ndarray
    positions: np.ndarray
    longest: int


def boundaries(documents: np.ndarray, starts: np.ndarray, length: int) -> Boundaries:
    """Of the samples that are tokens `starts` ... `starts + length - 1` of a stream; starts int64[n].

    `documents`: int64[documents + 1], first token of each document in the stream, then the end. A document that began before
    its sample counts from 0 at the sample's begin, as with Megatron's `reset_position_ids`.
    """
    documents = np.unique(documents)  # a document without tokens meets nobody
    first = np.searchsorted(documents, starts, side="right")
    counts = np.searchsorted(documents, starts + length, side="left") - first
    rows = np.repeat(np.arange(len(starts)), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    inner = documents[first[rows] + within] - starts[rows] + rows * length
    return of_pieces(np.concatenate([np.arange(len(starts), dtype=np.int64) * length, inner]), len(starts), length)


def of_pieces(begins: np.ndarray, samples: int, length: int) -> Boundaries:
    """The same of pieces that begin at `begins` of the samples laid end to end, in any order; int64[pieces], 0 among them."""
    edges = np.append(np.sort(begins), samples * length)
    sizes = np.diff(edges)
    positions = np.arange(samples * length) - np.repeat(edges[:-1], sizes)
    return Boundaries(
        cu_seqlens=edges.astype(np.int32), positions=positions.reshape(samples, length), longest=int(sizes.max(initial=0))
    )
