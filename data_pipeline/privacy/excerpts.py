"""Pieces of documents for a report: what is personal in them is masked, whatever step they are an example of.

A report shows a few documents that were dropped or changed, so that somebody looks at them. It is passed around more freely than the
data, and what a step took out of the data must not be found again beside its name there.
"""

from __future__ import annotations

from functools import cache

from data_pipeline.privacy.detector import Detector
from data_pipeline.privacy.masks import shown
from data_pipeline.privacy.regions import REGIONS

_AROUND = 200  # characters on both sides that are looked at, so that a value cut in two is known


@cache
def _detector() -> Detector:
    everywhere = sorted({region for regions in REGIONS.values() for region in regions})
    return Detector(public_only=False, regions=tuple(everywhere))


def excerpt(text: str, start: int, end: int) -> str:
    """`text[start:end]`, masked."""
    begin = max(0, start - _AROUND)
    window = text[begin : end + _AROUND]
    return shown(window, _detector()(window), start - begin, min(end - begin, len(window)))
