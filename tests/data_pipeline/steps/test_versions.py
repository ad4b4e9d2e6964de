"""Whoever changes what a step does raises its version, else old prepared data passes for new. This table makes sure.

Each step, with its defaults, goes over the same documents; a digest of what it made of them stands here beside its version.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from data_pipeline.steps import STEPS
from tests.data_pipeline.measures.texts import DOCUMENTS
from tests.data_pipeline.steps.conftest import cleaned, document
from tests.data_pipeline.steps.test_alternatives import BUILT

NEEDED = {
    "filter_small_docs_bytes": ": {bytes: 300}",
    "keep_licences": ": {licences: [MIT]}",
    "drop_licences": ": {licences: [GPL-*]}",
    "decontaminate": ": {sets: [{name: mine, paths: FOLDER/mine.txt}]}",
}
META = [{"url": f"https://a.b/{number % 50}?{number}", "title": "User x" if number % 9 == 0 else "T", "type": "text" if number % 7 else "x", "license": "MIT" if number % 5 else "GPL-2"} for number in range(200)]  # fmt: skip
MORE = {"redact_personal_data": ["jane.doe@firm.org, +1 212-736-5000, @jane_doe, 93.184.216.34 and version 2.6.32.27"]}
DIGESTS = {
    "c4": (1, "bc47c24a9f3b"),
    "code_quality": (1, "fc97deef6d80"),
    "decontaminate": (1, "bbd99d31a900"),
    "dedup_document": (1, "0e07147d4909"),
    "dedup_document_on_url": (1, "0045bd6531fa"),
    "dedup_pseudocrawl_newspapers": (1, "9063c1b1a33f"),
    "dedup_template_soft": (1, "41a297b257f0"),
    "drop_licences": (2, "2018638a90c2"),
    "exact_copies": (1, "679dd1b6df33"),
    "filter_remove_empty_docs": (1, "868a32c81de1"),
    "filter_small_docs": (1, "21aee0bd9f80"),
    "filter_small_docs_bytes": (1, "4391884eb461"),
    "filter_wiki_non_text_type": (1, "8535e8f6b547"),
    "filter_wiki_user_titles": (1, "1b946f00d71e"),
    "fineweb_quality": (1, "b003dbac8b03"),
    "gopher_quality": (1, "08f6e7ce8d7f"),
    "gopher_repetition": (1, "fc860d7967c9"),
    "keep_licences": (2, "2018638a90c2"),
    "near_duplicates": (1, "9c74b4f88407"),
    "quality": (2, "88845540da34"),
    "redact_personal_data": (1, "4f6894e70ccc"),
    "remove_html_spans": (1, "aabd6eb580be"),
    "remove_lines_with_code": (1, "e2022ab69406"),
    "remove_long_words": (1, "b7616b18ae98"),
    "remove_references_fr": (1, "2ad1c7159a2d"),
    "remove_wiki_mojibake": (1, "aabd6eb580be"),
    "remove_words_with_incorrect_substrings": (1, "d4cbcc24399d"),
    "repeated_substrings": (1, "2e33eadd2de8"),
    "replace_newline_with_space": (1, "c6356fed40ae"),
    "simhash_duplicates": (1, "e0fa1acad3b3"),
    "running_text": (1, "f0ca8e2a122e"),
    "split_sentences": (1, "e42a43489c4d"),
    "strip_substrings_en_wiktionary": (1, "aabd6eb580be"),
    "uniform_whitespace": (1, "2d127828a66b"),
}  # fmt: skip


def digest(name: str, folder: Path) -> str:
    texts = [*BUILT, *(text for _, text in DOCUMENTS), *BUILT[:5], "see http://x.y/z now\n" + "z" * 60 + " is long\n\u3000a\u00a0b"]
    texts += MORE.get(name, [])
    documents = [document(text, number, **META[number]) for number, text in enumerate(texts)]
    (folder / "mine.txt").write_text(BUILT[2])
    kept, (tally,) = cleaned(name + NEEDED.get(name, "").replace("FOLDER", str(folder)), documents, folder, "en")
    return hashlib.sha256(repr((kept, sorted(tally.dropped.items()))).encode()).hexdigest()[:12]


@pytest.mark.parametrize("name", STEPS.names())
def test_what_a_step_does_is_what_its_version_did(name: str, tmp_path: Path) -> None:
    found = STEPS.get(name).version, digest(name, tmp_path)
    assert found == DIGESTS.get(name), f"{name} does something else: raise its version, and write {found} here"
