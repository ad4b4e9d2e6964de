"""datatrove's MinHash signatures of the given documents; run by the peer's own Python.

Reads a JSON file {texts}; for each line on standard input makes all signatures once and prints a JSON line of
the processor seconds.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature


def main():
    texts = json.loads(Path(sys.argv[1]).read_text())["texts"]
    with tempfile.TemporaryDirectory() as folder:
        step = MinhashDedupSignature(folder, MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8))
        signatures(step, texts[:5])
        print(json.dumps({"ready": True}), flush=True)
        for _ in sys.stdin:
            began = time.process_time()
            shingled = [step.get_shingles(text) for text in texts]
            middle = time.process_time()
            for shingles in shingled:
                if shingles.size:
                    step.get_signature(shingles)
            ended = time.process_time()
            print(json.dumps({"shingles_s": middle - began, "signatures_s": ended - middle}), flush=True)


def signatures(step, texts):
    for text in texts:
        step.get_signature(step.get_shingles(text))


if __name__ == "__main__":
    main()
