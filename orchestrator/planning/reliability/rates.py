"""How often what fails: what published runs counted, by cause, as data.

Rates are said as failures per 1000 node-days, a node having 8 devices in all of these sources. Counts are
what was counted; where a source prints percentages that contradict its counts, the counts are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Component = Literal["node", "link", "switch", "software", "maintenance"]
"""node, link: one node leaves; switch: all nodes behind it leave; software, maintenance: the nodes stay or are exchanged."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One line of a published table."""

    name: str
    count: int
    component: Component


@dataclass(frozen=True, kw_only=True)
class Source:
    """What one report says of failures. `days` and `nodes` span what was counted; `per_1000_node_days` follows."""

    name: str
    reference: str
    nodes: int
    days: float
    failures: float
    causes: tuple[Cause, ...] = ()
    planned: int = 0
    note: str = ""

    @property
    def per_1000_node_days(self) -> float:
        return 1000 * self.failures / (self.nodes * self.days)

    def shares(self) -> dict[Component, float]:
        """Share of failures by component, in the order of the table; everything is a node's where no causes are told."""
        total = sum(cause.count for cause in self.causes)
        if not total:
            return {"node": 1.0}
        found: dict[Component, float] = {}
        for cause in self.causes:
            found[cause.component] = found.get(cause.component, 0.0) + cause.count / total
        return found


def _cause(name: str, count: int, component: Component = "node") -> Cause:
    return Cause(name=name, count=count, component=component)


LLAMA_3 = Source(
    name="Llama 3 405B",
    reference="arXiv:2407.21783, table 5",
    nodes=2048,
    days=54,
    failures=419,
    planned=47,
    causes=(
        _cause("GPU", 148), _cause("HBM3 memory", 72), _cause("software", 54, "software"),
        _cause("network switch or cable", 35, "link"), _cause("host maintenance", 32, "maintenance"),
        _cause("SRAM", 19), _cause("GPU system processor", 17), _cause("NIC", 7), _cause("NCCL watchdog", 7, "software"),
        _cause("silent data corruption", 6), _cause("thermal interface and sensor", 6), _cause("SSD", 3),
        _cause("power supply", 3), _cause("chassis", 2), _cause("IO board", 2), _cause("dependency", 2, "software"),
        _cause("CPU", 2), _cause("system memory", 2),
    ),
    note="the table does not tell switches from cables; GPU is 35% of its counts and 30.1% in print",
)  # fmt: skip
"""16,384 H100 in 2048 nodes."""

RSC_1 = Source(
    name="RSC-1", reference="arXiv:2410.21680", nodes=2000, days=330, failures=6.50 * 2000 * 330 / 1000,
    note="the rate is published, the count follows from it; 16,000 A100 over eleven months",
)  # fmt: skip
RSC_2 = Source(
    name="RSC-2", reference="arXiv:2410.21680", nodes=1000, days=330, failures=2.34 * 1000 * 330 / 1000,
    note="the rate is published, the count follows from it; 8,000 A100 over eleven months",
)  # fmt: skip
LABLUP = Source(
    name="SKT / Lablup B200", reference="arXiv:2605.09370", nodes=63, days=55, failures=10,
    note="failures with an XID only; the median automatic retry came after 11 minutes",
)  # fmt: skip
BLOOM = Source(
    name="BLOOM 176B", reference="arXiv:2211.05100", nodes=48, days=7, failures=1.5,
    note="'1-2 GPU failures per week' over the run; the chronicles of its second month say 'every week or so'",
)  # fmt: skip
OPT = Source(
    name="OPT-175B", reference="metaseq, projects/OPT/chronicles", nodes=124, days=57, failures=2 * 57,
    note="'two machines a day', 992 A100, 57 days; a young fleet in a cloud",
)  # fmt: skip

SOURCES = (LLAMA_3, RSC_1, RSC_2, LABLUP, BLOOM, OPT)
