"""What a cluster page that says nothing is taken to mean: published figures, and assumptions that are called so.

The page holds what is said. Whatever is shown to a user names the values that came from here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from orchestrator.planning.reliability.checkpoints import Storage
from orchestrator.planning.reliability.conditions import DAY, Hazard, Recovery, Stragglers, switch_hazard
from orchestrator.planning.reliability.rates import LLAMA_3, Component
from orchestrator.planning.reliability.spares import CERTAINTY
from orchestrator.spec.cluster import ClusterSpec
from orchestrator.units import format_duration

DETECT_S = 60.0
RESTART_S = 600.0
"""Together the 11 minutes (quartiles 10 and 11) that lay between automatic retries on 63 nodes (arXiv:2605.09370, abstract)."""
REPAIR_S = DAY
"""Assumed: no report among those in rates.py says how long repairs took."""
NODE_BANDWIDTH = 1e9
"""Bytes per second and node: Llama 3's 2 TB/s over 2048 nodes is 0.98e9, BLOOM's 2.3 TB in 40 s over 48 nodes 1.2e9."""
LARGEST_BANDWIDTH = 2e12
"""Bytes per second of a whole storage: Llama 3's Tectonic, sustained (arXiv:2407.21783, section 3.3.1)."""
NODE_COPY = 8 * 10e9
"""Assumed: bytes per second and node from devices to host memory, 10 GB/s for each of 8, under half of PCIe 4.0 x16."""

TAKES: dict[Component, int] = {"node": 1, "link": 1, "maintenance": 1, "software": 0}
"""Nodes that leave when a component fails; a switch's are said with it."""


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """A cluster's reliability with every value filled in, and a line for each that the page did not say."""

    hazards: tuple[Hazard, ...]
    stragglers: Stragglers | None
    recovery: Recovery
    """Its spare nodes are those that are said, else none."""
    spares_said: bool
    storage: Storage
    assumed: tuple[str, ...]

    @property
    def detect_s(self) -> float:
        return self.hazards[0].detect_s


def circumstances(cluster: ClusterSpec) -> Circumstances:
    """The page's `reliability` and `storage`, completed."""
    said, assumed = cluster.reliability, []

    def default(value: float | None, otherwise: float, words: str) -> float:
        if value is None:
            assumed.append(words)
        return otherwise if value is None else value

    if said.spare_nodes is None:
        assumed.append(f"spare_nodes: as many as are in repair at once, {CERTAINTY:.0%} of the time")
    rate = default(
        said.failures_per_1000_node_days, LLAMA_3.per_1000_node_days,
        f"failures_per_1000_node_days {LLAMA_3.per_1000_node_days:.1f}: {LLAMA_3.name}, {LLAMA_3.reference}",
    )  # fmt: skip
    detect = default(said.detect, DETECT_S, f"detect {format_duration(DETECT_S)}, restart {format_duration(RESTART_S)} where not said")
    restart = RESTART_S if said.restart is None else said.restart
    repair = default(said.repair, REPAIR_S, f"repair {format_duration(REPAIR_S)}: an assumption, no source")
    hazards = [
        Hazard(name=component, component=component, per_1000_node_days=rate * share, takes=TAKES[component], detect_s=detect)
        for component, share in LLAMA_3.shares().items()
    ]
    if said.switch_failures_per_1000_switch_days is not None and said.nodes_per_switch is not None:
        hazards.append(
            switch_hazard(
                per_1000_switch_days=said.switch_failures_per_1000_switch_days, nodes_behind=said.nodes_per_switch, detect_s=detect
            )
        )
    storage, words = _storage(cluster)
    return Circumstances(
        hazards=tuple(hazards), stragglers=_stragglers(cluster), storage=storage, assumed=(*assumed, *words),
        recovery=Recovery(restart_s=restart, spares=said.spare_nodes or 0, fetch_s=said.fetch or 0.0, repair_s=repair),
        spares_said=said.spare_nodes is not None,
    )  # fmt: skip


def _stragglers(cluster: ClusterSpec) -> Stragglers | None:
    said = cluster.reliability
    if said.stragglers_per_1000_node_days is None or said.straggler_slowdown is None or said.straggler_found is None:
        return None
    return Stragglers(
        per_1000_node_days=said.stragglers_per_1000_node_days, slowdown=said.straggler_slowdown, found_s=said.straggler_found
    )


def _storage(cluster: ClusterSpec) -> tuple[Storage, tuple[str, ...]]:
    """A node's limit applies where it is said, or where nothing is; each direction for itself."""
    said = cluster.storage
    found, silent = [], []
    for name, whole, node in (
        ("write", said.write_bandwidth, said.node_write_bandwidth),
        ("read", said.read_bandwidth, said.node_read_bandwidth),
    ):
        if whole is None and node is None:
            silent.append(name)
            found.append((NODE_BANDWIDTH, LARGEST_BANDWIDTH))
        else:
            found.append((node or math.inf, whole or LARGEST_BANDWIDTH))
    (node_write, write), (node_read, read) = found
    words = f"storage {' and '.join(silent)} at 1 GB/s per node, 2 TB/s in all: Llama 3 and BLOOM"
    return Storage(node_write=node_write, node_read=node_read, write=write, read=read), (words,) if silent else ()
