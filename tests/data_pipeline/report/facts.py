"""Reports of the tests' own: a small one of every kind of fact, and many sources of it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from data_pipeline.report.facts import Facts

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(2)> \u202eright to left\u202c \x00\x1b[31m \ud800 & \"'"

STEPS: list[dict[str, Any]] = [
    {
        "step": "uniform_whitespace", "read": 100, "kept": 100, "changed": 2, "characters_read": 5000, "characters_kept": 4900, "dropped": {},
        "examples": {"changed": [{"id": "n:1", "before": "one\u00a0two", "after": "one two"}]},
    },
    {
        "step": "quality", "read": 100, "kept": 88, "changed": 0, "characters_read": 4900, "characters_kept": 4000,
        "dropped": {"stop_words": 9, "language": 3},
        "examples": {"stop_words": [{"id": "n:2", "text": HOSTILE, "measured": "0.02, at least 0.1"}], "language": [{"id": "n:3", "text": "שלום עולם"}]},
        "notes": ["no stop words for 'fr'; not checked", "the identifier does not know 'fr'; the source's word is trusted"],
        "measures": {"stop_words": {"0.5": 0.25, "0.9": 0.5}},
    },
]  # fmt: skip

NEWS: dict[str, Any] = {
    "language": "fr", "content": "text", "licence": "CC-BY-4.0", "kind": "files", "weight": 0.75, "max_epochs": 4,
    "read": {"documents": 100, "bytes": 6000}, "kept": {"documents": 80, "bytes": 4400},
    "rejected": {"records": 3, "examples": [{"where": "a.jsonl line 3", "reason": "not JSON: <b>"}], "reasons": {"not JSON": 3}},
    "steps": STEPS, "exact_copies": 8,
    "clusters": {"dedup_near": {"clusters": 2, "documents": 5, "largest": 3, "examples": [["n:1", "n:7", "n:9"]]}},
    "train": {"documents": 78, "tokens": 1000}, "validation": {"documents": 2, "tokens": 100}, "tokens": 1100, "words": 500, "characters": 4000,
    "lengths": [0, 0, 20, 50, 10], "personal_data": {"EMAIL": 4, "IP_ADDRESS": 1},
    "personal_data_samples": {"EMAIL": [{"id": "n:1", "text": "write to PI:EMAIL soon"}]},
}  # fmt: skip

CODE: dict[str, Any] = {
    "language": "python", "content": "code", "licence": "MIT", "kind": "folder", "weight": 0.25,
    "read": {"documents": 10, "bytes": 900}, "kept": {"documents": 10, "bytes": 900},
    "train": {"documents": 9, "tokens": 270}, "validation": {"documents": 1, "tokens": 30}, "tokens": 300, "words": 100, "lengths": [0, 0, 0, 0, 10],
}  # fmt: skip

REPORT: dict[str, Any] = {
    "mixture": "small <mixture>", "fingerprint": "ab" * 32, "tokenizer": {"kind": "byte_bpe", "vocab_size": 512, "sample_bytes": 4000},
    "sources": {"news": NEWS, "scripts": CODE},
    "forecast": {"samples": 1000, "sequence_length": 8, "sources": {"news": {"samples": 750, "tokens": 6000, "epochs": 6.0}, "scripts": {"samples": 250, "tokens": 2000, "epochs": 7.41}}},
}  # fmt: skip


def facts(**changed: Any) -> Facts:
    """The small report, with some of its keys changed."""
    return Facts.model_validate({**deepcopy(REPORT), **changed})


def many(number: int) -> Facts:
    """As many sources, in 40 languages."""
    sources = {f"source-{place:03d}": {**NEWS, "language": f"{chr(97 + place % 8)}{chr(97 + place % 5)}", "weight": 1 / number} for place in range(number)}
    return facts(sources=sources, forecast=None)
