"""placeholder replaced at merge"""
from __future__ import annotations
from dataclasses import dataclass
@dataclass(frozen=True, kw_only=True)
class RoutingReport:
    load: tuple[tuple[float, ...], ...]
    dropped: tuple[float, ...]
    balance_loss: tuple[float, ...]
    z_loss: tuple[float, ...]
    entropy: tuple[float, ...]
