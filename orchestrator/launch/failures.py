"""The words in which the driver and our callbacks inside Ray Train's controller speak of failures and waiting."""

from __future__ import annotations

from collections.abc import Mapping

GANG_FAILED = "gang_failed"  # the event of an attempt that failed, with the cause of each rank
WAITING = "waiting"  # the event of a gang that finds no room, with the reason
DIED = "the process died (killed, out of memory, or a crash)"
COLLATERAL = ("Connection closed by peer", "Connection reset by peer", "NCCL", "Broken pipe", "Timed out")


def root_causes(ranks: Mapping[str, str]) -> str:
    """The ranks that failed by themselves, without those that only lost a peer."""
    roots = {rank: why for rank, why in ranks.items() if why == DIED}
    roots = roots or {rank: why for rank, why in ranks.items() if not any(word in why for word in COLLATERAL)}
    return "; ".join(f"rank {rank}: {why}" for rank, why in (roots or ranks).items())
