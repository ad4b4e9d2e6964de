"""The numbers that no data sheet has, with the default of each: what a page's `calibration` replaces.

Every planner has such numbers; most hide them. Here they are few, named, replaced by measurement, and shown with
every estimate that uses them.

Each constant says where it comes from, here and in timing/: a source; "assumed", where it is a count or a guess that nothing
was held against; or "set in view": chosen while its effect on published rows (benchmarks/planner) was seen, so that no set of
rows is quite unseen to it (docs/log.md). Who assumed had seen those rows too. A fit to a cluster's own runs (published/fit.py,
`make calibrate`) replaces the fields of Calibration, and none of the constants in capitals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from orchestrator.spec.cluster import Calibration as Said


@dataclass(frozen=True, kw_only=True)
class HostCost:
    """Seconds that an engine's own Python takes: per step, per micro-batch, and per dense block of a micro-batch."""

    step_s: float
    pass_s: float
    block_s: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Efficiencies are fractions of a data sheet's number; times in seconds; sizes in bytes.

    link_latency_s: per rank; 8 x 9 us are what NCCL's all-reduce on 8 x A100 takes beyond its bytes (vTrain's table: 1 MiB
        in 93 us, 8 MiB in 134 us). network_latency_s: per level of a tree of nodes, up and down, 2 log2(nodes) in all. link and network_efficiency: nccl-tests reach 235 of 300 GB/s and 190 of 200 GB/s a node;
        collectives in training, less. memory_efficiency: STREAM on A100, 0.85 to 0.9; kernels of a model, less.
    launch_overhead_s: of one operation with its share of Python, from 8 us (a bare call) to 30 us (Megatron-DeepSpeed).
    """

    matmul_efficiency: float = 0.75  # _MATMUL by device; assumed for others
    attention_efficiency: float = 0.5  # _ATTENTION by device; assumed for others
    expert_efficiency: float = 0.55  # set in view
    memory_efficiency: float = 0.8  # assumed, below STREAM
    launch_overhead_s: float = 15e-6  # set in view, between the two
    link_efficiency: float = 0.75  # assumed, below nccl-tests
    link_latency_s: float = 9e-6  # vTrain's table
    network_efficiency: float = 0.75  # assumed, below nccl-tests
    network_latency_s: float = 15e-6  # assumed
    overlap: float = 0.8  # set in view
    step_overhead_s: float = 5e-3  # set in view
    framework_bytes: int = 1500 * 2**20  # assumed
    fragmentation: float = 0.05  # assumed
    turn_s: float = 0.0
    """What a collective on the CPU takes longer per rank where workers outnumber cores."""
    host: Mapping[str, HostCost] = field(default_factory=dict)
    """By engine (`megatron`, `deepspeed-3`); counted operations stand in for those that were not measured."""

    def replaced(self, said: Said) -> Calibration:
        """These numbers with those that a page says in their place."""
        names = {each.name for each in fields(self)}
        given = {name: value for name, value in said.model_dump().items() if value is not None}
        if said.host:
            given["host"] = {
                name: HostCost(step_s=cost.step_us * 1e-6, pass_s=cost.pass_us * 1e-6, block_s=cost.block_us * 1e-6)
                for name, cost in said.host.items()
            }
        seconds = {f"{name.removesuffix('_us')}_s": value * 1e-6 for name, value in given.items() if name.endswith("_us")}
        return replace(self, **{name: value for name, value in (given | seconds).items() if name in names})


# CPU: assumed; `make calibrate` measures all of it.
CPU = Calibration(
    matmul_efficiency=0.6, launch_overhead_s=15e-6, link_efficiency=0.5, link_latency_s=100e-6, network_latency_s=100e-6,
    overlap=0.0, step_overhead_s=0.0, framework_bytes=600 * 2**20, fragmentation=0.0,
)  # fmt: skip
CUDA = Calibration()
_MATMUL = {"V100": 0.75, "A100": 0.78, "H100": 0.72, "H200": 0.72, "H800": 0.72, "B200": 0.70, "B300": 0.70, "GB200": 0.66, "GB300": 0.66}
"""Nine tenths of the best that matrix products were measured at in bf16: A100 271 of 312 TFLOP/s, H100 794 of 989, B200 1745
of 2250, GB200 1822 of 2500 (ml-engineering, maximum achievable matmul FLOPS): a step heats a device more than one product.
The nine tenths are assumed, and V100's whole number."""
_REACHED = {
    "V100": 0.9, "A100": 271 / 312, "H100": 794 / 989, "H200": 794 / 989, "H800": 794 / 989, "B200": 1745 / 2250, "B300": 1745 / 2250,
    "GB200": 1822 / 2500, "GB300": 1822 / 2500,
}  # fmt: skip
"""The best matrix product ever measured, as a fraction of peak (the same table; it has no V100, whose 0.9 is
a guess): a fit that says more explains with products what is something else."""
_ATTENTION = {"V100": 0.4, "A100": 0.5, "H100": 0.35, "H200": 0.35, "H800": 0.35, "B200": 0.35, "B300": 0.35, "GB200": 0.35, "GB300": 0.35}
"""FlashAttention-2 on A100 (arXiv:2307.08691, figure 5) and on H100 (arXiv:2407.08608, figure 5), causal, at 2048 to 8192.
V100's and those of Blackwell are assumed."""
NARROW = 0.9
"""fp8 products reach less of their peak than bf16 ones: 1403 of 1979 TFLOP/s on H100 (ml-engineering)."""


def default_of(device: str, kind: str) -> Calibration:
    """What is known of a device before anything was measured; `device` as a table of devices names it."""
    if kind == "cpu":
        return CPU
    name = device.split("-")[0]
    return replace(
        CUDA, matmul_efficiency=_MATMUL.get(name, CUDA.matmul_efficiency),
        attention_efficiency=_ATTENTION.get(name, CUDA.attention_efficiency),
    )  # fmt: skip


def most_matmul(device: str) -> float:
    """The most that `matmul_efficiency` can be on a device; 1 where none like it was measured."""
    return _REACHED.get(device.split("-")[0], 1.0)


TILES = ((256, 128, 1.0), (128, 256, 1.0), (128, 128, 0.93), (128, 64, 0.8), (64, 128, 0.8), (64, 64, 0.65))
"""Tiles of a matrix product and the speed of each relative to the largest (CUTLASS's profiles of A100)."""
TILE_FILL = 192
"""Steps along k that filling and emptying a tile's pipeline costs: products that are thin in k lose by it. Assumed."""
KERNEL_S = 3e-6
"""What a kernel takes on the device beyond its work: start, tail, and the gap to the next. Assumed."""
ALIGNMENT = ((64, 1.0), (32, 0.97), (16, 0.95), (8, 0.9))
"""Speed of a matrix product by what its rows are a multiple of, in 2-byte elements: their order is that of NVIDIA's matrix
multiplication guide, the numbers are assumed."""
UNALIGNED = 1 / 10
"""Rows that are no multiple of 16 bytes leave the tensor cores: on A100 between fp32 pipes, 19.5 of 312 TFLOP/s, and fp16 ones, 78.
Set in view, between the two."""
BACKWARD_ATTENTION = 2.5
"""Fused attention's backward pass does five products for the forward pass's two (Dao 2023, arXiv:2307.08691)."""
BACKWARD_ATTENTION_SPEED = 0.8
"""And is slower: 225 of FLOP/s where the forward pass does 280 (the same, figures 5 to 7)."""
COLLECTIVE_LAUNCHES = 1.5
"""Host time of a collective in operations: NCCL's and torch.distributed's own book-keeping. Set in view."""
