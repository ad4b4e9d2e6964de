"""What a simulated run says: days, the share of time that was useful, and where the rest went."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CAUSES = (
    "checkpoints", "lost work", "detection", "restarts", "waiting for nodes", "fewer nodes", "stragglers", "evaluation",
    "planned", "incidents",
)  # fmt: skip
"""Where time goes that is not useful; with the useful time it adds up to the time on the clock."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One simulated run. Times in seconds."""

    nodes: int
    spares: int
    wall_s: float
    useful_s: float
    lost_s: Mapping[str, float]
    """Seconds by cause, every one of CAUSES."""
    failures: Mapping[str, int]
    """Unexpected interruptions by hazard."""
    planned: int
    finished: bool

    @property
    def ettr(self) -> float:
        """Effective training time ratio: useful seconds per second."""
        return self.useful_s / self.wall_s if self.wall_s else 1.0

    @property
    def goodput(self) -> float:
        """Useful node-seconds per node-second reserved, spares included."""
        return self.ettr * self.nodes / (self.nodes + self.spares)

    @property
    def interruptions(self) -> int:
        return sum(self.failures.values())


@dataclass(frozen=True, kw_only=True)
class Band:
    """A figure over several seeds."""

    mean: float
    low: float
    high: float
    error: float
    """Standard error of the mean; 0 for one seed."""

    @classmethod
    def of(cls, values: list[float]) -> Band:
        error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
        return cls(mean=statistics.fmean(values), low=min(values), high=max(values), error=error)


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """The same run under several seeds."""

    runs: tuple[Outcome, ...]

    @property
    def ettr(self) -> Band:
        return Band.of([run.ettr for run in self.runs])

    @property
    def goodput(self) -> Band:
        return Band.of([run.goodput for run in self.runs])

    @property
    def days(self) -> Band:
        return Band.of([run.wall_s / 86_400 for run in self.runs])

    @property
    def interruptions(self) -> Band:
        return Band.of([float(run.interruptions) for run in self.runs])

    @property
    def finished(self) -> bool:
        return all(run.finished for run in self.runs)

    def lost(self) -> dict[str, float]:
        """Share of the time on the clock by cause, the mean over seeds."""
        return {cause: statistics.fmean([run.lost_s[cause] / run.wall_s if run.wall_s else 0.0 for run in self.runs]) for cause in CAUSES}

    def failures(self) -> dict[str, float]:
        """Interruptions by hazard, the mean over seeds."""
        names = self.runs[0].failures
        return {name: statistics.fmean([run.failures[name] for run in self.runs]) for name in names}

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        bands = {name: getattr(self, name) for name in ("ettr", "goodput", "days", "interruptions")}
        return {
            "seeds": len(self.runs),
            "finished": self.finished,
            **{name: {"mean": band.mean, "low": band.low, "high": band.high} for name, band in bands.items()},
            "lost": self.lost(),
            "failures": self.failures(),
            "planned": statistics.fmean([run.planned for run in self.runs]),
        }
