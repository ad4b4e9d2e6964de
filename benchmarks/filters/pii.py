"""Redaction beside two published ones on the same documents, in one run: `python -m benchmarks.filters.pii --corpus CORPUS [--peer PYTHON] [--roots FILE]`.

PYTHON has datatrove (`PIIFormatter`: e-mail and IP addresses); FILE is `bigscience_pii_detect_redact.py` of
bigscience-workshop/data-preparation (e-mail, IP, keys, users). All times are processor time of one process.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.filters.documents import read
from data_pipeline.documents import Document
from data_pipeline.steps.redact_personal_data import RedactPersonalData

_PEER = """
import json, sys, time
from datatrove.pipeline.formatters import PIIFormatter
texts, best, format = json.load(open(sys.argv[1])), 1e9, PIIFormatter().format
for _ in range(3):
    began = time.process_time()
    changed = sum(format(text) != text for text in texts)
    best = min(best, time.process_time() - began)
print(json.dumps([best, changed]))
"""


def seconds(work: Callable[[], object], runs: int = 3) -> float:
    best = float("inf")
    for _ in range(runs):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def ours(documents: list[Document], kinds: tuple[str, ...]) -> tuple[float, int, Counter[str]]:
    """Seconds, documents changed, values found of each kind."""
    step = RedactPersonalData.model_validate({"step": "redact_personal_data", "kinds": kinds})
    applied = {language: step.begin(language) for language in {str(entry.meta["language"]) for entry in documents}}
    rows = [(entry, applied[str(entry.meta["language"])]) for entry in documents]
    changed = sum(apply(entry) is not entry.text for entry, apply in rows)
    found = Counter[str]()
    for apply in applied.values():
        for kind, facts in apply.facts().items():  # type: ignore[attr-defined]
            found[kind] += facts["found"]
    return seconds(lambda: [apply(entry) for entry, apply in rows]), changed, found


def line(name: str, documents: list[Document], taken: float, changed: int, more: str = "") -> None:
    print(f"{name:<44}{len(documents) / taken:>9,.0f} docs/s   {changed:>6,} documents changed   {more}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of .jsonl or .jsonl.zst files")
    parser.add_argument("--documents", type=int, default=1500)
    parser.add_argument("--longest", type=int, default=8000, help="characters of a document")
    parser.add_argument("--peer", help="a Python that has datatrove")
    parser.add_argument("--roots", type=Path, help="bigscience_pii_detect_redact.py")
    options = parser.parse_args()
    documents = read(options.corpus, options.documents, options.longest)
    texts = [entry.text for entry in documents]
    print(f"{len(documents):,} documents of {sum(map(len, texts)) / len(texts):,.0f} characters on average")
    for name, kinds in (("here, e-mail and IP", ("email", "ip")), ("here, all five", ("email", "ip", "phone", "key", "user"))):
        taken, changed, found = ours(documents, kinds)
        line(name, documents, taken, changed, ", ".join(f"{number:,} {kind}" for kind, number in found.items()))
    if options.peer:
        with tempfile.NamedTemporaryFile("w", suffix=".json") as given:
            json.dump(texts, given)
            given.flush()
            ran = subprocess.run([options.peer, "-c", _PEER, given.name], capture_output=True, text=True, check=True)
        taken, changed = json.loads(ran.stdout.splitlines()[-1])
        line("datatrove PIIFormatter, e-mail and IP", documents, taken, changed)
    if options.roots:
        spec = importlib.util.spec_from_file_location("published", options.roots)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        results = [module.detect_pii(text, "en", module.high_risk_tags) for text in texts]
        found = Counter(match[3] for matches in results for match in matches)
        taken = seconds(lambda: [module.run_pii(text, "en") for text in texts], 1)
        line("ROOTS, e-mail, IP, keys, users", documents, taken, sum(map(bool, results)), ", ".join(f"{number:,} {kind}" for kind, number in found.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
