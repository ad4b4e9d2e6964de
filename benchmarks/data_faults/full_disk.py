"""A file system that fills up in the middle: what is told, what is left, and that it goes on when there is room.

A tmpfs where root may mount one, in a mount namespace of its own where a user may make one; else this part is skipped.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from benchmarks.data_faults.trials import command, contents, left_over, prepared, write_page

STEP = 2 * 2**20
LARGEST = 2**28


def run(folder: Path) -> int:
    page = write_page(folder, None, "1MB")
    expected = contents(prepared(page, folder / "with-room"))
    small = folder / "small"
    small.mkdir()
    size = STEP
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(small)], check=False, capture_output=True)
    if mounted.returncode:
        print("a full disk: skipped, a tmpfs needs root")
        return 0
    try:
        while (told := _refused(page, small / "data")) and size < LARGEST:
            files = list((small / "data").glob("*/prepared.json"))
            wrong = "Traceback" in told or bool(left_over(small / "data")) or bool(files)
            print(f"a disk of {size / 2**20:>3.0f} MiB  {'WRONG' if wrong else 'refused'}: {told.strip().splitlines()[-1]}", flush=True)
            if wrong:
                print(told[-1500:])
                return 1
            size += STEP
            subprocess.run(["mount", "-o", f"remount,size={size}", str(small)], check=True)
        (facts,) = (small / "data").glob("*/prepared.json")
        same = contents(facts.parent) == expected
        print(f"a disk of {size / 2**20:>3.0f} MiB  the same command went on to the end: {'equal' if same else 'DIFFERENT'}")
        return int(not same)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def _refused(page: Path, data: Path) -> str:
    """What the preparation said when it failed; nothing when it came to its end."""
    done = subprocess.run(command(page, data, "--workers", "2"), check=False, capture_output=True, text=True)
    time.sleep(0.2)
    return done.stderr or "no word" if done.returncode else ""
