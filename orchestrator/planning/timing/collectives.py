"""Seconds of exchanges among ranks: latency and bytes, over the links of a domain or the network between nodes.

    all-reduce       2 (n - 1) / n of the bytes        reduce-scatter, all-gather   (n - 1) / n
    all-to-all       (n - 1) / n, the part beyond the domain over the network       send   all of them

A ring that passes through several nodes enters each as often as it has ranks there, so all their network ports carry
it; a group with one rank in each node has one rank's share (NCCL's rings; Narayanan et al. 2021, section 4.1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from orchestrator.planning.hardware import Hardware

ALONG = 8
"""Ranks of a domain that latency grows with; larger domains reduce in their switches."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """`size` ranks, `inside` of them in one domain."""

    size: int
    inside: int

    @property
    def domains(self) -> int:
        return -(-self.size // self.inside)


def group(size: int, stride: int, domain: int) -> Group:
    """Ranks `stride` apart, from rank order (mesh.py), where `domain` neighbours share links."""
    return Group(size=size, inside=max(1, min(size, domain // stride)))


def all_reduce(moved: float, among: Group, hardware: Hardware) -> float:
    """Of `moved` bytes on every rank."""
    return 2 * moved * _share(among) / bandwidth(among, hardware) + _latency(among, hardware) if among.size > 1 else 0.0


def gather(moved: float, among: Group, hardware: Hardware) -> float:
    """All-gather to, or reduce-scatter of, `moved` bytes in all."""
    return moved * _share(among) / bandwidth(among, hardware) + _latency(among, hardware) / 2 if among.size > 1 else 0.0


def all_to_all(moved: float, among: Group, hardware: Hardware, copies: float = 1.0) -> float:
    """Of `moved` bytes that every rank has for all. copies: of one token, of which only one goes to each domain."""
    if among.size == 1:
        return 0.0
    known = hardware.calibration
    near = moved * (among.inside - 1) / among.size
    far = moved * (among.size - among.inside) / among.size
    if copies > 1 and far:
        apart = among.domains
        far *= min(1.0, apart * (1 - (1 - 1 / apart) ** copies) / copies)
    inside = near / (hardware.link_bandwidth * known.link_efficiency) if near else 0.0
    across = far / (hardware.network_bandwidth * known.network_efficiency) if far else 0.0
    return max(inside, across) + _latency(among, hardware) / 2


def send(moved: float, hardware: Hardware, *, far: bool) -> float:
    """To one other rank, in another domain or the same."""
    known = hardware.calibration
    if far:
        return moved / (hardware.network_bandwidth * known.network_efficiency) + known.network_latency_s
    return moved / (hardware.link_bandwidth * known.link_efficiency) + known.link_latency_s


def bandwidth(among: Group, hardware: Hardware) -> float:
    """Bytes per second that a ring of the group moves past each rank."""
    known = hardware.calibration
    links = (hardware.link_bandwidth or hardware.network_bandwidth or math.inf) * known.link_efficiency
    if among.domains == 1:
        return links
    return min(links, (hardware.network_bandwidth or math.inf) * among.inside * known.network_efficiency)


def _share(among: Group) -> float:
    return (among.size - 1) / among.size


def _latency(among: Group, hardware: Hardware) -> float:
    known = hardware.calibration
    near = known.link_latency_s * along(among.inside) if among.inside > 1 else 0.0
    return near + known.network_latency_s * rounds(among.domains)


def along(ranks: int) -> int:
    """How often an all-reduce within a domain waits `link_latency_s`."""
    return min(ranks, ALONG)


def rounds(domains: int) -> float:
    """How often an all-reduce among domains waits `network_latency_s`: up a tree and down again."""
    return 2 * math.log2(domains)
