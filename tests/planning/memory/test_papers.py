"""Activations, states and peaks as papers and runs give them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.planning.calibration import CUDA
from orchestrator.planning.held import Held
from orchestrator.planning.memory import largest, memory_of
from orchestrator.planning.memory.in_flight import in_flight
from orchestrator.planning.memory.rank import kept_bytes
from orchestrator.planning.memory.states import states
from orchestrator.planning.published.cells import COLUMNS
from orchestrator.planning.published.stacks import software_of
from orchestrator.planning.software import Software
from orchestrator.planning.work import Work
from tests.planning.memory.made import HARDWARE, PLAIN, work
from tests.planning.models import BLOOM, LLAMA, Made


def row_of(paper: str) -> dict[str, str]:
    """A row that says nothing but its paper."""
    return dict.fromkeys(COLUMNS, "") | {"paper": paper}


MEGATRON_2022 = software_of(row_of("Korthikanti et al. 2022"))
GIB = 2**30


def gpt(layers: int, hidden: int, heads: int, **said: object) -> Made:
    sizes = {"layers": layers, "hidden": hidden, "heads": heads, "size": 4 * hidden, "vocab": 51_200, "biased": True, **said}
    return Made.model_validate(sizes)


SIZES = {"22B": (48, 6144, 64), "175B": (96, 12_288, 96), "530B": (105, 20_480, 128), "1T": (128, 25_600, 160)}
"""Korthikanti et al. 2022, table 3: layers, hidden size, heads."""


def kept(size: str, **said: object) -> float:
    """In units of s b h."""
    _, hidden, heads = SIZES[size]
    step = work(gpt(2, hidden, heads).architecture(), software=MEGATRON_2022, **said)
    return kept_bytes(step, step.architecture.blocks[0]) / (2048 * hidden * step.layout.micro_batch)


class TestKorthikanti:
    """arXiv:2205.05198, table 2: activations of a layer."""

    @pytest.mark.parametrize(("size", "scores"), [("22B", 5 * 64 * 2048 / 6144), ("175B", 80.0), ("530B", 64.0)])
    def test_without_parallelism(self, size: str, scores: float) -> None:
        """s b h (34 + 5 a s / h); the paper says 5 a s / h = 80 for GPT-3 and 64 for MT-NLG."""
        assert kept(size) == pytest.approx(34 + scores)

    @pytest.mark.parametrize("tensor", [2, 8])
    def test_tensor_parallel(self, tensor: int) -> None:
        assert kept("175B", tensor=tensor) == pytest.approx(10 + 24 / tensor + 80 / tensor)

    @pytest.mark.parametrize("tensor", [2, 8])
    def test_tensor_and_sequence_parallel(self, tensor: int) -> None:
        assert kept("175B", tensor=tensor, sequence_parallel=True) == pytest.approx((34 + 80) / tensor)

    @pytest.mark.parametrize("micro_batch", [1, 4])
    def test_selective(self, micro_batch: int) -> None:
        said = {"tensor": 8, "recompute": "selective", "micro_batch": micro_batch}
        assert kept("530B", **said) == pytest.approx(10 + 24 / 8)
        assert kept("530B", **said, sequence_parallel=True) == pytest.approx(34 / 8)

    def test_full(self) -> None:
        assert kept("1T", recompute="full") == 2

    @pytest.mark.parametrize(("size", "saved"), [("175B", 0.70), ("530B", 0.65)])
    def test_selective_saves_what_the_paper_says(self, size: str, saved: float) -> None:
        """Section 5: 70 % of GPT-3's activations and 65 % of MT-NLG's."""
        assert 1 - kept(size, recompute="selective") / kept(size) == pytest.approx(saved, abs=0.005)

    @pytest.mark.parametrize(("pipeline", "virtual"), [(8, 3), (35, 3), (64, 2)])
    def test_interleaving(self, pipeline: int, virtual: int) -> None:
        """Section 4.2.3: the first stage keeps those of L (1 + (p - 1) / (p m)) layers, with m its virtual chunks."""
        layout = replace(PLAIN, pipeline=pipeline, virtual=virtual)
        layers = in_flight(layout, 0, 10**6) / (pipeline * virtual)
        assert layers == pytest.approx(1 + (pipeline - 1) / (pipeline * virtual))


def test_megatron_s_own_formula() -> None:
    """`theoretical_memory_usage.py`: s b h (18 + 4 ffn / h) / t with sequence parallelism and no scores kept."""
    tensor, size, hidden = 8, 28_672, 8192
    model = gpt(2, hidden, 64, size=size).architecture()
    step = work(model, software=Software(held=Held(dropout=True)), tensor=tensor, sequence_parallel=True)
    assert kept_bytes(step, model.blocks[0]) == pytest.approx(2048 * hidden * (18 + 4 * size / hidden) / tensor)


@pytest.mark.parametrize(("zero", "gigabytes"), [(0, 120), (1, 31.4), (2, 16.6), (3, 1.9)])
def test_the_zero_paper_s_example(zero: int, gigabytes: float) -> None:
    """Rajbhandari et al. 2020, figure 1: 7.5 billion parameters in 16 bits on 64 ranks, 2 + 2 + 12 bytes each."""
    step = work(Made.model_validate(LLAMA).architecture(), data=64, zero=zero, software=Software(held=Held()))
    held = states(step, 7_500_000_000, 0)
    assert (held.weights + held.gradients + held.optimizer) / 1e9 == pytest.approx(gigabytes, abs=0.05)


def bloom(precision: str, layers: int, **said: object) -> Work:
    model = Made.model_validate({**BLOOM, "layers": layers, "vocab": 250_880, "alibi": False}).architecture()
    return work(
        model, software=software_of(row_of("BLOOM-176B tr11")), precision=precision, recompute="full", zero=1, expert_tensor=1, **said,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("step", "measured"),
    [
        (bloom("fp16", 72, data=8, tensor=4, pipeline=12, micro_batch=2), 44),
        (bloom("fp16", 72, data=4, tensor=8, pipeline=12, micro_batch=4), 49),
        (bloom("bf16", 70, data=8, tensor=4, pipeline=12, micro_batch=2), 59),
        (bloom("fp16", 72, data=16, tensor=2, pipeline=12, micro_batch=2), 63),
    ],
    ids=["tp4-mbs2", "tp8-mbs4", "bf16", "tp2"],
)
def test_bloom_s_layouts(step: Work, measured: int) -> None:
    """bigscience's chronicles-prequel.md, hidden size 14,336 on A100-80GB, GiB by nvidia-smi; one layout twice was 44 and 38.

    With the allocator's slack that those runs show; without any all four are low. Not all of the table is met so: tensor 8
    at micro-batch 8 is 69 there and 77 here.
    """
    said = replace(HARDWARE, calibration=replace(CUDA, fragmentation=0.13))
    assert largest(memory_of(step, said)).total / GIB == pytest.approx(measured, rel=0.1)
