"""Everything that the data pipeline claims about speed and decisions, each beside its peer, in one run: `make bench-data CORPUS=folder PEER=python`.

Each part is a benchmark of its own that can be run alone; here they follow one another on the same documents, so that a
table never mixes figures of different days. PEER is a Python that has datatrove and spaCy; without it their columns are missing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

PARTS = {
    "filters": "the fused filter pass beside ROOTS' code and datatrove's chain",
    "filters.recompute": "every measure of the filters computed once more, plainly, on real documents",
    "filters.planted": "planted dirt and personal data, recall and precision of each class",
    "dedup": "signatures beside datatrove and datasketch, planted copies",
    "tokenize": "tokenizing beside the tokenizers library called directly",
    "order": "start of training data beside Megatron's index",
    "loader": "sample reads beside Megatron's GPTDataset",
}
WITH_CORPUS = {"filters", "filters.recompute", "filters.planted", "dedup", "tokenize"}
WITH_PEER = {"filters", "dedup"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", help="folder of .jsonl or .jsonl.zst files with `text`")
    parser.add_argument("--peer", help="a Python that has datatrove and spaCy")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    failed = []
    for part in options.only:
        command = [sys.executable, "-m", f"benchmarks.{part}"]
        if part in WITH_CORPUS and options.corpus:
            command += ["--corpus", options.corpus]
        elif part in WITH_CORPUS:
            print(f"\n== {part}: left out; name a folder of texts (CORPUS=folder)", flush=True)
            continue
        if part in WITH_PEER and options.peer:
            command += ["--peer", options.peer]
        print(f"\n== {part}: {PARTS[part]}", flush=True)
        began = time.monotonic()
        if subprocess.run(command, check=False).returncode:
            failed.append(part)
        print(f"({time.monotonic() - began:.0f} s)", flush=True)
    if failed:
        print(f"\nfell short or failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
