"""`python -m benchmarks.data_faults`: see the package."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import benchmarks.data_faults
from benchmarks.data_faults import bad_files, full_disk, kills, lost_node
from benchmarks.data_faults.trials import write_page


def main() -> int:
    parser = argparse.ArgumentParser(description=benchmarks.data_faults.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", help="files of texts, a path or a glob")
    parser.add_argument("--limit", default="3MB", help="bytes of text at most")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bad-files", action="store_true")
    parser.add_argument("--cluster", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if options.bad_files:
            return bad_files.run(folder) + full_disk.run(folder)
        page = write_page(folder, options.corpus, options.limit)
        if options.cluster:
            return lost_node.run(page, folder)
        return kills.run(page, folder, trials=options.kills, workers=options.workers, seed=options.seed)


if __name__ == "__main__":
    sys.exit(main())
