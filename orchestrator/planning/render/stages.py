"""A row per pipeline stage: its bar of memory, its layers, the nodes and ranks that have it."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.planning.layout import Layout
from orchestrator.planning.memory import Memory
from orchestrator.planning.render.bars import stacked
from orchestrator.planning.render.lines import PARTS, Ink, cut, joined
from orchestrator.planning.render.parts import letters, memory_parts, parts_of
from orchestrator.planning.stages import Chunk, Stages
from orchestrator.units import format_bytes

MOST_ROWS = 12
LEAST_BAR, MOST_BAR = 20, 48
_BEFORE, _SIZE, _GAP = 6, 10, 2


def stage_table(
    memories: Sequence[Memory], stages: Stages, layout: Layout, per_node: int, limit: int, width: int, ink: Ink
) -> list[str]:
    """A legend with the sizes of the fullest stage, and a row per stage; a long pipeline's middle is left out.

    The stage that needs most is marked with `>`; what a stage needs beyond the device stands behind the `|`.
    """
    worst, names = fullest(memories), parts_of(memories)
    signs = letters(names)
    shown = _shown(len(memories), worst)
    cells = {stage: _cells(stages[stage], layout, per_node, stage) for stage in shown}
    widths = [max(len(row[column]) for row in [_HEAD, *cells.values()]) for column in range(len(_HEAD))]
    right = min(sum(widths) + _GAP * len(widths), width - _BEFORE - LEAST_BAR - 1 - _SIZE)
    bar = min(MOST_BAR, width - _BEFORE - 1 - _SIZE - right)
    whole = max(limit, memories[worst].total)
    if len(memories) == 1:
        drawn = stacked(memory_parts(memories[0]), limit, whole, width - _BEFORE - 1 - _SIZE, signs, ink)
        return [*_indented(_legend(memories[0], signs, width - 4, ink)), f"    {drawn}{format_bytes(memories[0].total):>{_SIZE}}"]
    lines = _indented(_legend(memories[worst], signs, width - 4, ink))
    lines.append(f"{'  stage':<{_BEFORE + bar + 1 + _SIZE}}{cut(_row(_HEAD, widths), right)}".rstrip())
    for place, stage in enumerate(shown):
        skipped = stage - shown[place - 1] - 1 if place else 0
        lines += [f"  ... {skipped} stages more, none of which needs more"] if skipped else []
        memory = memories[stage]
        style = "bad" if memory.total > limit else "bold" if stage == worst else ""
        size = f"{format_bytes(memory.total):>{_SIZE}}"
        start = f"{'>' if stage == worst else ' '} {stage}"
        lines.append(
            f"{start:<{_BEFORE}}{stacked(memory_parts(memory), limit, whole, bar, signs, ink)}"
            f"{ink(style, size) if style else size}{cut(_row(cells[stage], widths), right)}".rstrip()
        )
    return lines


def fullest(memories: Sequence[Memory]) -> int:
    """The stage that needs most."""
    return max(range(len(memories)), key=lambda stage: memories[stage].total)


_HEAD = ("layers", "nodes", "ranks")


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _legend(memory: Memory, signs: dict[str, str], room: int, ink: Ink) -> list[str]:
    order = list(signs)
    parts = memory_parts(memory).items()
    pieces = [f"{ink(str(order.index(name) % PARTS), signs[name])} {name} {format_bytes(value)}" for name, value in parts]
    return joined(pieces, "   ", room)


def _shown(count: int, worst: int) -> list[int]:
    """All stages, or the ends and the fullest."""
    if count <= MOST_ROWS:
        return list(range(count))
    half = MOST_ROWS // 2 - 1
    return sorted({*range(half), worst, *range(count - half, count)})


def _cells(chunks: Sequence[Chunk], layout: Layout, per_node: int, stage: int) -> tuple[str, str, str]:
    plane = layout.world_size // layout.pipeline
    first, last = stage * plane, (stage + 1) * plane - 1
    return layers_of(chunks), _span(first // per_node, last // per_node), _span(first, last)


def layers_of(chunks: Sequence[Chunk]) -> str:
    """`0-4 + embedding`; several chunks joined by commas."""
    words = ", ".join(_span(chunk.first, chunk.last - 1) for chunk in chunks if chunk.layers)
    ends = (" + embedding" if any(chunk.embedding for chunk in chunks) else "") + (" + head" if any(chunk.head for chunk in chunks) else "")
    return f"{words}{ends}" if words else ends.removeprefix(" + ")


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(" " * _GAP + cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
