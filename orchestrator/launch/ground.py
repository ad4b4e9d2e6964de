"""A cluster page that says `local` -> the same page with what this machine has. The rest of a page stays as said."""

from __future__ import annotations

from orchestrator.launch.machine import Machine
from orchestrator.planning.devices import accelerator_of
from orchestrator.spec.cluster import ClusterSpec


def ground(cluster: ClusterSpec, machine: Machine) -> ClusterSpec:
    """Replaces `accelerator: local` by the machine's GPUs, or its CPU cores where it has none.

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
    count = node.count or machine.cores
    workers = count * cluster.nodes
    found = {
        "accelerator": "cpu",
        "count": count,
        "host_memory": node.host_memory or machine.memory // cluster.nodes,
        "memory": node.memory or machine.memory // workers,
        "peak_tflops": node.peak_tflops,
    }
    if not node.peak_tflops and machine.cpu_flops:
        found["peak_tflops"] = {"fp32": machine.cpu_flops / max(machine.cores, workers) / 1e12}
    return cluster.model_copy(update={"node": node.model_copy(update=found)})
