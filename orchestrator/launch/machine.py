"""What this machine has, asked of the kernel alone.

`os.cpu_count()` says 64 inside a container that may use two of them, and importing torch to count GPUs
costs seconds that `plan` does not have. So: the affinity mask and the cgroup's quota for cores, the
cgroup's limit for memory, `nvidia-smi` (or the driver's /proc entry) for GPUs.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
PROC = Path("/proc")

# fp32 operations per cycle and physical core, a fused multiply-add counted as two, with two vector units:
# 16, 8 and 4 lanes (Intel Optimization Reference Manual, "Sustained throughput"; Arm Neoverse guides).
FLOPS_PER_CYCLE: Mapping[str, int] = {"avx512f": 64, "fma": 32, "asimd": 16, "avx": 16, "sse2": 8}


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU as the driver names it; `memory` in bytes, 0 when only /proc could be asked."""

    name: str
    memory: int


@dataclass(frozen=True, kw_only=True)
class Machine:
    """This machine: what a process started now may use. Memory in bytes, `cpu_flops` per second in fp32."""

    cores: int
    memory: int
    cpu_name: str
    cpu_flops: float
    gpus: tuple[Gpu, ...]


@functools.cache
def this_machine() -> Machine:
    """Ask once per process: hardware does not change under a command."""
    cpu_info = _read(PROC / "cpuinfo")
    allowed = os.sched_getaffinity(0)
    cores = usable_cores(len(allowed), _read(CGROUP / "cpu.max"))
    return Machine(
        cores=cores,
        memory=usable_memory(_read(PROC / "meminfo"), _read(CGROUP / "memory.max")),
        cpu_name=_field(cpu_info, "model name") or "CPU",
        cpu_flops=cpu_peak(cpu_info, allowed=allowed, cores=cores),
        gpus=_gpus(),
    )


def usable_cores(allowed: int, cpu_max: str) -> int:
    """Whole cores under an affinity mask of `allowed` and a cgroup-v2 `cpu.max` ("quota period" or "max …")."""
    words = cpu_max.split()
    if len(words) == 2 and words[0] != "max":
        return max(1, min(allowed, int(words[0]) // int(words[1])))
    return allowed


def usable_memory(meminfo: str, memory_max: str) -> int:
    """Bytes: physical memory, or the cgroup's limit where that is lower."""
    total = int(re.search(r"MemTotal:\s+(\d+) kB", meminfo).group(1)) * 1024 if "MemTotal" in meminfo else 0  # type: ignore[union-attr]
    limit = memory_max.strip()
    return min(total, int(limit)) if limit.isdigit() and total else total


def cpu_peak(cpu_info: str, *, allowed: set[int], cores: int) -> float:
    """Theoretical fp32 FLOP/s of the allowed cores; hyper-threads of one core count once.

    0.0 when the kernel tells neither clock nor vector units (the planner then has no peak to compare with).
    """
    blocks = [block for block in cpu_info.split("\n\n") if block.strip()]
    mine = [block for block in blocks if int(_field(block, "processor") or 0) in allowed]
    if not mine:
        return 0.0
    physical = {(_field(b, "physical id"), _field(b, "core id") or _field(b, "processor")) for b in mine}
    flags = set((_field(mine[0], "flags") or _field(mine[0], "Features")).split())
    per_cycle = next((flops for flag, flops in FLOPS_PER_CYCLE.items() if flag in flags), 0)
    megahertz = float(_field(mine[0], "cpu MHz") or 0)
    return min(len(physical), cores) * per_cycle * megahertz * 1e6


def _field(block: str, name: str) -> str:
    found = re.search(rf"^{re.escape(name)}\s*:\s*(.+)$", block, re.MULTILINE)
    return found.group(1).strip() if found else ""


def _gpus() -> tuple[Gpu, ...]:
    smi = shutil.which("nvidia-smi")
    if smi:
        query = [smi, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
        if answer.returncode == 0:
            return parse_smi(answer.stdout)
    cards = sorted((PROC / "driver/nvidia/gpus").glob("*/information"))
    return tuple(Gpu(name=_field(_read(card), "Model"), memory=0) for card in cards)


def parse_smi(text: str) -> tuple[Gpu, ...]:
    """Lines "NVIDIA H100 80GB HBM3, 81559" (MiB) -> Gpu."""
    rows = [line.rsplit(",", 1) for line in text.splitlines() if "," in line]
    return tuple(Gpu(name=name.strip(), memory=int(mebibytes) * 2**20) for name, mebibytes in rows)


def _read(path: Path) -> str:
    """A kernel file's text; empty where this kernel does not have it."""
    return path.read_text() if path.exists() else ""
