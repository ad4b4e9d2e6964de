"""A pipeline of uneven stages: one forward and one backward in turn (1F1B), interleaved or not.

    stage 0   F F F F B F B F B B B B          the slowest stage works m times; before and after it, the others
    stage 1     F F F B F B F B B B B          once each: (P - 1) / (V m) of the work where stages are even
                                               (Narayanan et al. 2021, section 2.2)
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.planning.hardware import Hardware
from orchestrator.planning.layout import Layout
from orchestrator.planning.timing.collectives import gather, group, send
from orchestrator.planning.work import Work


def bubble_fraction(layout: Layout, micro_batches: int) -> float:
    """Time that a pipeline of even stages idles, as a fraction of its compute."""
    return (layout.pipeline - 1) / (layout.virtual * micro_batches)


def bubble(stages: Sequence[float], virtual: int) -> float:
    """Seconds that the slowest stage waits, from the seconds of every stage per micro-batch."""
    return (sum(stages) - max(stages)) / virtual


def sends(work: Work, hardware: Hardware) -> float:
    """Seconds per micro-batch and stage of passing activations on and gradients back.

    Ranks of a tensor group send a share each and gather it inside the node (Narayanan et al. 2021, section 4.1).
    """
    layout = work.layout
    if layout.pipeline == 1:
        return 0.0
    stream = layout.micro_batch * -(-work.sequence_length // layout.context) * work.architecture.hidden * work.width
    one = send(stream / layout.tensor, hardware, far=layout.world_size > hardware.domain)
    if not layout.sequence_parallel:
        one += gather(stream, group(layout.tensor, 1, hardware.domain), hardware)
    hidden = hardware.calibration.overlap if work.software.overlaps_tensor else 0.0
    return 2 * layout.virtual * one * (1 - hidden)
