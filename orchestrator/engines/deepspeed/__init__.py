"""DeepSpeed ZeRO 0-3 behind the engine contract.

    config.py      plan -> DeepSpeed's configuration, a pure function
    engine.py      the engine
    partitions.py  where each stage keeps the fp32 master weights and moments of each parameter
    runtime.py     the process-wide things DeepSpeed needs set: accelerator, process group, logging
"""

from __future__ import annotations
