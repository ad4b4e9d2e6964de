"""Which node each rank of a gang goes to, so that no group that talks in every layer lies across nodes.

Ray's PACK fills one node after the other, whatever the gang looks like: of a node with three free devices and
one with one it makes 3 + 1, and a tensor-parallel pair of ranks 2 and 3 would talk over the network without a
word to anybody. Ray Train numbers the workers node by node, in the order of their bundles; so it is enough to
say for each bundle which node it must lie on.
"""

from __future__ import annotations

import math

from orchestrator.launch.inventory import Inventory, Node
from orchestrator.launch.placement import Request, room
from orchestrator.planning.layout import Layout


def block_of(layout: Layout) -> int:
    """The smallest n such that each tensor- and each expert-parallel group lies within n consecutive ranks from a
    multiple of n: both are consecutive ranks themselves (see `planning.mesh`)."""
    return math.lcm(layout.tensor, layout.expert_tensor * layout.expert)


def assign(request: Request, inventory: Inventory) -> list[Node] | None:
    """The node of every rank, in the order of ranks; None when there is no room now.

    Ranks fill the roomiest nodes first, in whole groups.
    """
    usable = [node for node in inventory.nodes if not node.draining]
    nodes: list[Node] = []
    for node in sorted(usable, key=lambda node: -room(node.free, request)):
        nodes += [node] * min(room(node.free, request), request.workers - len(nodes))
    return nodes if len(nodes) == request.workers else None
