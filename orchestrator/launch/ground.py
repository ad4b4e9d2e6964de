"""A cluster page that says `local` -> the same page with what this machine has. The rest of a page stays as said."""

from __future__ import annotations

import math
from typing import Any

from orchestrator.launch.machine import Machine
from orchestrator.planning.calibration import CPU
from orchestrator.planning.devices import accelerator_of
from orchestrator.spec.cluster import ClusterSpec
from orchestrator.spec.run import RunSpec


def ground(cluster: ClusterSpec, machine: Machine, *, wants: int = 1) -> ClusterSpec:
    """Replaces `accelerator: local` by the machine's GPUs, or its CPU cores where it has none.

    A CPU device is only a process. So where neither page nor machine bounds them, a run that `wants` more devices
    than there are cores gets them, as far as memory holds the processes; they share the cores.
    A CPU page keeps its device count; memory and peak that it leaves out are the machine's, shared.
    """
    node = cluster.node
    if node.accelerator == "local" and machine.gpus:
        gpu = machine.gpus[0]
        found = {"accelerator": accelerator_of(gpu.name), "count": node.count or len(machine.gpus)}
        if gpu.memory:
            found["memory"] = node.memory or gpu.memory
        return cluster.model_copy(update={"node": node.model_copy(update=found)})
    if node.accelerator not in ("local", "cpu"):
        return cluster
    count = node.count or _processes(machine, wants)
    workers = count * cluster.nodes
    found = {
        "accelerator": "cpu",
        "count": count,
        "host_memory": node.host_memory or machine.memory // cluster.nodes,
        "memory": node.memory or machine.memory // workers,
        "peak_tflops": node.peak_tflops,
        "cores": node.cores or (machine.cores if node.accelerator == "local" else None),
    }
    if not node.peak_tflops and machine.cpu_flops:
        found["peak_tflops"] = {"fp32": machine.cpu_flops / max(machine.cores, workers) / 1e12}
    return cluster.model_copy(update={"node": node.model_copy(update=found)})


def devices_said(spec: RunSpec[Any]) -> int:
    """The devices a run page asks for by itself: the product of the degrees that are said."""
    said = spec.parallelism
    return math.prod(degree or 1 for degree in (said.data, said.context, said.tensor, said.pipeline))


def _processes(machine: Machine, wants: int) -> int:
    """One worker per core, or as many as are wanted if the machine holds so many."""
    return wants if machine.cores < wants <= machine.memory // CPU.framework_bytes else machine.cores
