"""What no file can hold, or no line: in texts, names and fields it is put aside or written otherwise, and stops nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

from data_pipeline.mixture import load_mixture
from data_pipeline.prepare import prepare

PAGE = """
sources: [{name: texts, kind: files, paths: 'texts/*', id_field: id, weight: 1}]
tokenizer: {train: byte_bpe, vocab_size: 300, sample: 100KB}
"""


def test_half_surrogates_line_separators_and_names_that_are_no_text(tmp_path: Path) -> None:
    good = [{"id": f"good {n}", "text": f"the square of {n} is {n * n}, and not {n + 1}"} for n in range(20)]
    bad = [
        b'{"id": "1", "text": "half \\ud800"}',
        b'{"id": "2", "\\ud800": "no text"}',
        '{"id": "3", "a\\u2028b\x85c": "no text"}'.encode(),
        b'{"id": "4 \\ud800", "text": "of a bad id, and else quite good"}',
        b'{"id": "5", "text": "of a bad meta, and else quite good", "meta": {"\\ud800": "\\udfff"}}',
        b"no json",
    ]
    texts = tmp_path / "texts"
    texts.mkdir()
    lines = [*(json.dumps(row).encode() for row in good), *bad]
    (texts / os.fsdecode(b"bad-\xff.jsonl")).write_bytes(b"\n".join(lines))
    (tmp_path / "page.yaml").write_text(PAGE)
    prepared = prepare(load_mixture(tmp_path / "page.yaml"), tmp_path / "data")
    assert prepared.sources[0].documents == 22
    with (prepared.folder / "quarantine.jsonl").open(encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    assert [each["where"] for each in found] == [f"bad-\\udcff.jsonl:{line}" for line in (21, 22, 23, 26)]
    assert found[1]["reason"] == "no text in field 'text' (found: fields id, \\ud800)"
    assert json.loads((prepared.folder / "report.json").read_text("utf-8"))["sources"]["texts"]["rejected"]["records"] == 4
