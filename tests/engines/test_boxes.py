"""A flat range of a tensor as rectangles: few, in order, and nothing lost."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from orchestrator.engines.boxes import Rectangle, boxes_of_range, rectangles

SHAPES = [(), (1,), (7,), (4, 5), (1, 6), (6, 1), (3, 2, 4), (2, 3, 1, 2)]


def test_the_drawing_of_the_docstring() -> None:
    assert list(rectangles((4, 5), 3, 17)) == [
        Rectangle(offsets=(0, 3), shape=(1, 2)),
        Rectangle(offsets=(1, 0), shape=(2, 5)),
        Rectangle(offsets=(3, 0), shape=(1, 2)),
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_range_of_every_shape_is_tiled_in_memory_order(shape: tuple[int, ...]) -> None:
    numbers = torch.arange(math.prod(shape)).reshape(shape)
    for start, stop in itertools.combinations(range(numbers.numel() + 1), 2):
        parts = list(rectangles(shape, start, stop))
        read = [
            numbers[
                tuple(slice(first, first + size) for first, size in zip(each.offsets, each.shape, strict=True))
            ]
            for each in parts
        ]
        assert torch.cat([part.flatten() for part in read]).tolist() == list(range(start, stop))
        assert len(parts) <= max(1, 2 * len(shape) - 1)


def test_whole_rows_are_one_rectangle() -> None:
    assert list(rectangles((6, 2, 3), 12, 30)) == [Rectangle(offsets=(2, 0, 0), shape=(3, 2, 3))]
    assert list(rectangles((6, 2, 3), 0, 36)) == [Rectangle(offsets=(0, 0, 0), shape=(6, 2, 3))]
    assert list(rectangles((6, 2), 4, 4)) == []


def test_boxes_write_through_to_the_flat_memory() -> None:
    flat = torch.zeros(14)
    boxes = list(boxes_of_range("weights/w", (4, 5), 3, flat))
    assert [tuple(box.tensor.shape) for box in boxes] == [(1, 2), (2, 5), (1, 2)]
    for value, box in enumerate(boxes, start=1):
        box.tensor.fill_(value)
    assert flat.tolist() == [1] * 2 + [2] * 10 + [3] * 2
