"""A checkpoint is torch's own format and our promise: any DCP reader opens it, and what fails leaves nothing.

The oracle is torch.distributed.checkpoint as it comes, which knows nothing of boxes: it reads what we wrote,
and we read what it wrote.
"""

from __future__ import annotations

import resource
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import distributed
from torch.distributed import checkpoint as dcp
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

from orchestrator.engines.boxes import Box, ShardedState, boxes_of_range
from orchestrator.errors import CheckpointError
from orchestrator.training.checkpoint.manifest import Damage, Manifest, folder_of, read_manifest
from orchestrator.training.checkpoint.read import fill, newest_good
from orchestrator.training.checkpoint.write import FRAME, write_checkpoint
from orchestrator.training.gang import Gang
from tests.distributed import run_distributed

SHAPES = {
    "weights/embed": (11, 6),
    "weights/experts": (3, 4, 5),
    "weights/norm": (7,),
    "weights/temperature": (),
    "optimizer/exp_avg/embed": (11, 6),
}
STEP = 3


def tensors() -> dict[str, torch.Tensor]:
    """The global tensors: random bits, one of them in bf16."""
    generator = torch.Generator().manual_seed(5)
    drawn = {key: torch.randn(shape, generator=generator) for key, shape in SHAPES.items()}
    return {**drawn, "weights/experts": drawn["weights/experts"].bfloat16()}


def fragments(whole: dict[str, torch.Tensor], rank: int, ranks: int) -> list[Box]:
    """Boxes of one rank, as ZeRO cuts: each is a view into that rank's share of a flat buffer."""
    boxes: list[Box] = []
    for key, tensor in whole.items():
        share = -(-tensor.numel() // ranks)
        start, stop = min(tensor.numel(), rank * share), min(tensor.numel(), (rank + 1) * share)
        boxes += boxes_of_range(key, tuple(tensor.shape), start, tensor.flatten()[start:stop])
    return boxes


def empty(boxes: list[Box]) -> list[Box]:
    """The same places with nothing in them."""
    return [replace(box, tensor=torch.full_like(box.tensor, torch.nan)) for box in boxes]


def manifest(**scalars: int) -> Manifest:
    return Manifest(
        step=STEP, files=(), layout={}, position={}, scalars=dict(scalars), random={}, schedule={}, spec={},
        spec_fingerprint="", data_fingerprint="",
    )  # fmt: skip


def save(checkpoints: Path, boxes: list[Box], gang: Gang | None = None) -> Manifest:
    return write_checkpoint(checkpoints, ShardedState(boxes=boxes), manifest(count=9), gang or Gang())


def save_rank(checkpoints: Path, gang: Gang | None = None) -> Manifest:
    """On each rank."""
    return save(checkpoints, fragments(tensors(), distributed.get_rank(), distributed.get_world_size()), gang)


def require_filled(checkpoints: Path, manifest: Manifest, ranks: int) -> None:
    """Fails unless the boxes of a layout of `ranks` are filled with their parts of the global tensors."""
    for rank in range(ranks):
        expected = fragments(tensors(), rank, ranks)
        state = ShardedState(boxes=empty(expected))
        fill(state, manifest, checkpoints)
        for box, original in zip(state.boxes, expected, strict=True):
            assert torch.equal(box.tensor, original.tensor), (box.key, box.offsets)


@pytest.mark.parametrize("world_size", [1, 2])
def test_plain_dcp_reads_what_we_wrote(tmp_path: Path, world_size: int) -> None:
    if world_size == 1:
        save(tmp_path, fragments(tensors(), 0, 1))
    else:
        run_distributed(save_rank, world_size, tmp_path)
    folder = folder_of(tmp_path, STEP)
    into = {key: torch.full_like(tensor, torch.nan) for key, tensor in tensors().items()}
    with pytest.warns(UserWarning, match="load in a single process"):
        dcp.load(into, checkpoint_id=folder)
    dcp_to_torch_save(folder, tmp_path / "whole.pt")
    converted = torch.load(tmp_path / "whole.pt", weights_only=True)
    assert into.keys() == converted.keys()
    for key, tensor in tensors().items():
        assert torch.equal(into[key], tensor), key
        assert torch.equal(converted[key], tensor), key


def test_we_read_what_plain_dcp_wrote(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="save in a single process"):
        dcp.save(tensors(), checkpoint_id=folder_of(tmp_path, STEP))
    require_filled(tmp_path, manifest(), ranks=3)


def save_dtensors(folder: Path) -> None:
    """On each rank: cut in columns or rows, as DTensor cuts; what has no such dimension is replicated."""
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor, init_device_mesh

    mesh = init_device_mesh("cpu", (distributed.get_world_size(),))
    cuts = {"weights/embed": Shard(1), "weights/experts": Shard(1), "weights/norm": Shard(0)}
    state = {key: distribute_tensor(tensor, mesh, [cuts.get(key, Replicate())]) for key, tensor in tensors().items()}
    dcp.save(state, checkpoint_id=folder)


def test_we_read_what_plain_dcp_wrote_of_dtensors(tmp_path: Path) -> None:
    run_distributed(save_dtensors, 2, folder_of(tmp_path, STEP))
    require_filled(tmp_path, manifest(), ranks=3)


@pytest.mark.parametrize("ranks", [1, 3])
def test_any_cut_is_filled_from_any_other(tmp_path: Path, ranks: int) -> None:
    run_distributed(save_rank, 2, tmp_path)
    found, damaged = newest_good(tmp_path, Gang())
    assert found is not None
    assert not damaged
    assert [file.name for file in found.files] == ["__0_0.distcp", "__1_0.distcp", ".metadata"]
    require_filled(tmp_path, found, ranks)


def test_columns_of_a_larger_memory_are_saved_and_filled_in_place(tmp_path: Path) -> None:
    memory = torch.arange(4000.0).view(4, 1000)
    columns = Box(key="weights/w", global_shape=(4, 2), offsets=(0, 0), tensor=memory[:, 10:12])
    written = save(tmp_path, [columns])
    assert written.files[0].size < 4 * 2 * 4 + FRAME, "the bytes of the view, not those of what it views"
    expected = memory.clone()
    memory[:, 10:12] = 0
    fill(ShardedState(boxes=[columns]), written, tmp_path)
    assert torch.equal(memory, expected)


def test_the_space_asked_for_holds_the_checkpoint(tmp_path: Path) -> None:
    boxes = [
        Box(key=f"optimizer/exp_avg_sq/model.layers.{n}.post_attention_layernorm.weight", global_shape=(2, 3, 4), offsets=(0,) * 3,
            tensor=torch.zeros(2, 3, 4))
        for n in range(200)
    ]  # fmt: skip
    written = save(tmp_path, boxes)
    assert sum(file.size for file in written.files) <= sum(box.tensor.nbytes + FRAME for box in boxes)


def refusal(checkpoints: Path, written: Manifest, boxes: list[Box], **scalars: int) -> str:
    """The error of filling `boxes`, which are then as they were."""
    state = ShardedState(boxes=empty(boxes), scalars=dict(scalars))
    with pytest.raises(CheckpointError) as raised:
        fill(state, written, checkpoints)
    assert all(box.tensor.isnan().all() for box in state.boxes)
    return str(raised.value)


def test_what_a_checkpoint_does_not_hold_is_an_error_before_anything_is_filled(tmp_path: Path) -> None:
    first, *others = fragments(tensors(), 0, 1)
    written = save(tmp_path, [replace(first, global_shape=(12, 6)), *others])
    assert "lacks 6 elements of weights/embed" in refusal(
        tmp_path, written, [*others, Box(key=first.key, global_shape=(12, 6), offsets=(0, 0), tensor=torch.zeros(12, 6))]
    )
    assert "weights/embed has shape (12, 6) in checkpoint step 3, and (11, 6) in this model" in refusal(tmp_path, written, [*others, first])
    assert "holds no weights/other" in refusal(tmp_path, written, [*others, replace(first, key="weights/other")])
    assert "holds no counter 'steps'" in refusal(tmp_path, written, others, count=0, steps=0)


def save_with_little_room(checkpoints: Path, poor: int) -> str:
    """On each rank: the error of a save in which rank `poor` may write 4 KiB into a file."""
    gang = Gang()  # before the limit: the reused ranks meet through a file that is larger than that by now
    gang.gather(None)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if distributed.get_rank() == poor:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        save_rank(checkpoints, gang)
    except CheckpointError as error:
        return str(error)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    return "no error"


@pytest.mark.parametrize("poor", [0, 1])
def test_a_rank_that_cannot_write_fails_the_save_on_all_and_leaves_nothing(tmp_path: Path, poor: int) -> None:
    checkpoints = tmp_path / "checkpoints"
    first, second = run_distributed(save_with_little_room, 2, checkpoints, poor)
    assert first == second
    assert first == f"the checkpoint of step 3 could not be written: {folder_of(checkpoints, STEP)}/__{poor}_0.distcp: File too large"
    assert list(checkpoints.iterdir()) == []


def save_into_a_file(checkpoints: Path) -> str:
    """On each rank: the error of a save whose place is taken."""
    with pytest.raises(CheckpointError) as raised:
        save_rank(checkpoints)
    return str(raised.value)


def test_a_place_that_only_rank_0_finds_taken_is_known_to_all(tmp_path: Path) -> None:
    """Rank 0 used to raise alone while the others waited for it."""
    (tmp_path / "checkpoints").write_text("not a folder")
    first, second = run_distributed(save_into_a_file, 2, tmp_path / "checkpoints")
    assert first == second
    assert "File exists" in first


def save_with_a_hole(checkpoints: Path) -> str:
    """On each rank: the error of a save for which rank 1 owns nothing."""
    boxes = fragments(tensors(), distributed.get_rank(), 2)
    with pytest.raises(CheckpointError) as raised:
        save(checkpoints, [replace(box, owned=distributed.get_rank() == 0) for box in boxes])
    return str(raised.value)


def test_owned_boxes_that_leave_a_hole_are_not_saved(tmp_path: Path) -> None:
    first, second = run_distributed(save_with_a_hole, 2, tmp_path)
    assert first == second
    assert "key:weights/embed invalid fill tensor-volume: 66 chunks-volume: 33" in first
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_the_format_before_is_named_as_such(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, STEP)
    folder.mkdir()
    replace(manifest(), format=1).write(folder)
    found = read_manifest(tmp_path, STEP)
    assert isinstance(found, Damage)
    assert found.reason == "has format 1; this version reads 2"
