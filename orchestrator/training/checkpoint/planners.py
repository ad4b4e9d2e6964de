"""Boxes in the words of torch.distributed.checkpoint (DCP), which stores and finds them.

DCP's own planners take a dictionary of whole or DTensor-sharded tensors, one piece per name and rank. A
ZeRO rank holds several fragments of one name. So two planners say which blocks a rank saves and which
parts of the saved blocks go where; names, shapes, offsets, files and metadata are DCP's, and any of its
readers opens the result.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import torch
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner, DefaultSavePlanner
from torch.distributed.checkpoint.metadata import (
    ChunkStorageMetadata,
    MetadataIndex,
    TensorProperties,
    TensorStorageMetadata,
)
from torch.distributed.checkpoint.planner import (
    LoadPlan,
    ReadItem,
    SavePlan,
    TensorWriteData,
    WriteItem,
    WriteItemType,
)
from torch.distributed.checkpoint.planner_helpers import create_read_items_for_chunk_list

from orchestrator.engines.boxes import Box
from orchestrator.errors import CheckpointError


class SaveBoxes(DefaultSavePlanner):
    """Saves each box as one block of its key."""

    def __init__(self, boxes: Sequence[Box] = ()) -> None:
        super().__init__()
        self._boxes = {MetadataIndex(box.key, box.offsets): box for box in boxes}

    def create_local_plan(self) -> SavePlan:
        items = [
            WriteItem(
                index=index,
                type=WriteItemType.SHARD,
                tensor_data=TensorWriteData(
                    chunk=_chunk(box),
                    properties=TensorProperties(dtype=box.tensor.dtype),
                    size=torch.Size(box.global_shape),
                ),
            )
            for index, box in self._boxes.items()
        ]
        # where each key stands in a nested state dict, as DCP's readers ask: here, at the top
        return SavePlan(items, planner_data={box.key: (box.key,) for box in self._boxes.values()})

    def resolve_data(self, write_item: WriteItem) -> torch.Tensor:
        return self._boxes[write_item.index].tensor


class FillBoxes(DefaultLoadPlanner):
    """Fills each box from the saved blocks that overlap it. Errors call what is read `checkpoint`."""

    def __init__(self, boxes: Iterable[Box], checkpoint: str) -> None:
        super().__init__()
        self._checkpoint = checkpoint
        self._boxes: dict[str, list[Box]] = defaultdict(list)
        for box in boxes:
            self._boxes[box.key].append(box)

    def create_local_plan(self) -> LoadPlan:
        """What to read. Raises CheckpointError unless the saved blocks cover every box to the last element."""
        assert self.metadata is not None, "set_up_planner comes first"
        items: list[ReadItem] = []
        for key, boxes in self._boxes.items():
            saved = self.metadata.state_dict_metadata.get(key)
            if not isinstance(saved, TensorStorageMetadata):
                raise CheckpointError(f"{self._checkpoint} holds no {key}; it is of another model or optimizer")
            if saved.size != boxes[0].global_shape:
                raise CheckpointError(
                    f"{key} has shape {tuple(saved.size)} in {self._checkpoint}, and {boxes[0].global_shape} in this model"
                )
            found = create_read_items_for_chunk_list(key, saved, [_chunk(box) for box in boxes])
            lacking = sum(box.tensor.numel() for box in boxes) - sum(math.prod(item.lengths) for item in found)
            if lacking:
                raise CheckpointError(f"{self._checkpoint} lacks {lacking:,} elements of {key}")
            items.extend(found)
        return LoadPlan(items)

    def resolve_tensor(self, read_item: ReadItem) -> torch.Tensor:
        key, place = read_item.dest_index.fqn, read_item.dest_index.index
        assert place is not None, "DCP numbers what it plans"
        spans = zip(read_item.dest_offsets, read_item.lengths, strict=True)
        part = tuple(slice(start, start + length) for start, length in spans)
        return self._boxes[key][place].tensor.detach()[part]


def _chunk(box: Box) -> ChunkStorageMetadata:
    return ChunkStorageMetadata(offsets=torch.Size(box.offsets), sizes=box.tensor.shape)
