"""The identifier's labels and scores are those of py3langid itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from data_pipeline.measures.identifier import Identifier
from tests.data_pipeline.measures.texts import DOCUMENTS

PEER = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
OURS = Identifier()


def check(text: str) -> None:
    found = dict(zip(OURS.labels, OURS.probabilities(text.lower()).tolist(), strict=True))
    ranked = PEER.rank(text.lower())
    assert found == pytest.approx(dict(ranked), abs=1e-5)
    assert max(found.values()) - found[ranked[0][0]] < 1e-5


@pytest.mark.parametrize(("language", "text"), DOCUMENTS)
def test_real_text(language: str, text: str) -> None:
    check(text)


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.text(), st.text("abcdeé ñйश你\u0301\ud800\x00ÿ", max_size=40)))
def test_any_text(text: str) -> None:
    check(text)
