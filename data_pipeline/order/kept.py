"""Arrays that are worked out once, and from then on memory-mapped by whoever needs them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import numpy as np


def kept(folder: Path, build: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """What `build` makes, by name, in `folder`, or what it made before.

    The folder appears under its name when it is whole. Processes of any node may build at the same time; the first one's stays.
    """
    if not folder.is_dir():
        made = folder.with_name(f"{folder.name}.{uuid4().hex}.partial")
        made.mkdir(parents=True)
        for name, values in build().items():
            np.save(made / f"{name}.npy", values)
        try:
            made.rename(folder)
        except OSError:
            shutil.rmtree(made)
            if not folder.is_dir():
                raise
    return {path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}
