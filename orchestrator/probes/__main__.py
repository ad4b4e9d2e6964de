"""The probes without Ray, on a bare machine:

    torchrun --nproc-per-node N -m orchestrator.probes --cluster PAGE [--out PAGE]

What surrounds them (grounding a page, the engines' own costs) lives on floors above and is known here by name.
"""

from __future__ import annotations

import importlib
import sys

if __name__ == "__main__":
    sys.exit(importlib.import_module("orchestrator.launch.calibrate").under_torchrun(sys.argv[1:]))
