"""The comparison of `benchmarks/filters/recompute.py` on the texts that ship: no measure of any document differs."""

from __future__ import annotations

import inspect

from benchmarks.filters.recompute import differences
from data_pipeline.documents import Document
from tests.data_pipeline.measures.texts import ARTICLE_1, DOCUMENTS


def test_every_measure_equals_its_plain_recomputation() -> None:
    documents = [
        Document(id=f"{number}", text=text, source="test", meta={"language": language}) for number, (language, text) in enumerate(DOCUMENTS)
    ]
    code = Document(id="code", text=inspect.getsource(inspect)[:6000], source="test", meta={"language": "python"})
    number, found, told = differences([*documents, code])
    assert not told
    assert set(number) == {*ARTICLE_1, "python"}
    assert len(found) == 6 + 11 + 4 + 2 + 3
    assert all(not counts.total() for counts in found.values())
