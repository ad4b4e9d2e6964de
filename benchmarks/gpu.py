"""Do both engines train the same 1B model on a GPU, and how fast? `torchrun --nproc-per-node N -m benchmarks.gpu`.

Everything else here is proved on CPUs in fp32, where neither flash attention nor NCCL nor bf16's rounding takes part.
So: LLaMA 1B in bf16, 50 steps on the source text of the Python installation, by DeepSpeed and Megatron-core in every
layout that N GPUs allow, from the same initial weights (a function of seed and name) and on the same samples. Without
torchrun (`make bench-gpu`) it runs on one GPU; on a machine without any it says so and ends with 0.

Losses agree when, relative to the first layout's loss of the same step, the difference is

    bf16    at most 2 % at every step, 0.5 % on average
    fp32    at most 1e-4 at every step and on average

bf16 keeps 8 bits of a value, 0.4 %, and the engines round at other places: other kernels, other orders of sums. The
loss is a mean over thousands of tokens, so a rounding of single values hardly moves it, but Adam's first steps have the
size of the rate whatever the gradient's, and carry a rounded sign on. A lost micro-batch or a wrong scale is no such noise:
it shifts every step in one direction, which the average sees. The same limit holds against the reference engine in
fp32, at the size of the nano page, where that is affordable.

Each layout runs in processes of its own: libraries keep buffers, process groups and allocator pools until a process
ends, and memory figures of the second engine would hold what the first left. Tokens/s are the median over steps after the
warm-up, everything between a batch in host memory and the loss as a number included. Memory is the peak during training
of the rank that needs most: `allocated` by tensors, `reserved` from the device. MFU is given in the plan's convention (planning.time:
torchtitan's, 6 per parameter that multiplies and attention over the full square) and as 6N (six per parameter, attention left out), of the
device's dense peak.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator.errors import OrchestratorError, PlanError
from orchestrator.planning.time import CONVENTION

REPORT = Path(__file__).with_name("gpu.md")
NANO = "model_specs/llama/nano.yaml"
LIMITS = {"bf16": (0.02, 0.005), "fp32": (1e-4, 1e-4)}
"""Largest difference at any step, largest on average."""
TORCHRUN = ("RANK", "LOCAL_", "GROUP_", "ROLE_", "WORLD_SIZE", "MASTER_", "TORCHELASTIC_")
"""What torchrun's variables begin with."""
WARM_UP = 5
WARM_UP_LR = 10
"""Steps in which the rate rises to the page's: 50 steps of a page's own warm-up would train nothing."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is trained, the same for every layout; `sequences` and `sequence_length` of a step."""

    spec: str
    precision: str
    steps: int
    sequences: int
    micro_batch: int
    sequence_length: int
    device: str
    peak_tflops: float | None = None


@dataclass(frozen=True, kw_only=True)
class Layout:
    """An engine and how it is laid over the ranks."""

    engine: str
    data: int = 1
    tensor: int = 1
    pipeline: int = 1
    zero: int = 0

    def __str__(self) -> str:
        if self.engine == "reference":
            return "reference fp32"
        if self.engine == "deepspeed":
            return f"DeepSpeed ZeRO {self.zero} x{self.data}"
        degrees = {"DP": self.data, "TP": self.tensor, "PP": self.pipeline}
        return "Megatron " + ("x".join(f"{axis}{degree}" for axis, degree in degrees.items() if degree > 1) or "x1")

    @property
    def world_size(self) -> int:
        return self.data * self.tensor * self.pipeline

    def said(self) -> list[str]:
        """What a page's `parallelism` says for it, as overrides."""
        if self.engine == "reference":
            return ["parallelism.engine=reference"]
        said = {"engine": self.engine, "data": self.data, "zero": self.zero, "recompute": "none"}
        if self.engine == "megatron":
            parallel = {"tensor": self.tensor, "pipeline": self.pipeline, "virtual": 1, "sequence_parallel": str(self.tensor > 1).lower()}
            said = {**said, **parallel}
        return [f"parallelism.{name}={value}" for name, value in said.items()]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one layout did. Memory in bytes, None on a CPU; `flops` per token by convention, `peak` in FLOP/s of all ranks."""

    layout: str
    losses: tuple[float, ...]
    step_s: float
    tokens_per_s: float
    flops: dict[str, int]
    peak: float
    allocated: int | None
    reserved: int | None
    device: str
    versions: dict[str, str]

    def mfu(self, convention: str) -> float:
        return self.flops[convention] * self.tokens_per_s / self.peak


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Of the losses of two layouts, relative, over the steps."""

    largest: float
    mean: float

    def within(self, limits: tuple[float, float]) -> bool:
        return self.largest <= limits[0] and self.mean <= limits[1]

    def __str__(self) -> str:
        return f"{self.largest:.1e}, mean {self.mean:.1e}"


def layouts(world_size: int, engines: Sequence[str]) -> list[Layout]:
    """Every layout measured on so many ranks, the one that the others are compared with first."""
    found = [Layout(engine="deepspeed", data=world_size, zero=1)]
    if world_size == 1:
        found += [Layout(engine="megatron")]
    else:
        found += [
            Layout(engine="deepspeed", data=world_size, zero=3),
            Layout(engine="megatron", data=world_size, zero=1),
            Layout(engine="megatron", tensor=world_size),
            Layout(engine="megatron", pipeline=world_size),
        ]
    return [layout for layout in found if layout.engine in engines]


def python_text(length: int) -> bytes:
    """At least `length` bytes of the standard library's source, the same on one installation; all of it if there is less."""
    root = Path(sysconfig.get_paths()["stdlib"])
    text = bytearray()
    for path in sorted(root.rglob("*.py")):
        if len(text) >= length:
            break
        if "site-packages" not in path.parts and "test" not in path.parts:
            text += path.read_bytes()
    return bytes(text)


def difference(left: Measured, right: Measured) -> Difference:
    relative = [abs(one / other - 1) for one, other in zip(left.losses, right.losses, strict=True)]
    # A loss that is no number is equal to none; max() would pass it over.
    largest = max((each if each == each else float("inf")) for each in relative)
    return Difference(largest=largest, mean=statistics.fmean(relative) if largest < float("inf") else largest)


def plan_of(work: Work, layout: Layout) -> Any:
    """The plan of a layout on this machine's devices. Raises PlanError where the layout cannot be."""
    from orchestrator.planning import make_plan
    from orchestrator.spec import load_run

    said = [
        f"training.steps={work.steps}", f"training.batch.sequences={work.sequences}", f"training.precision={work.precision}",
        f"'training.schedule={{name: constant, warmup: {WARM_UP_LR} steps}}'", f"data.sequence_length={work.sequence_length}",
        f"parallelism.micro_batch={work.micro_batch}", *layout.said(),
    ]  # fmt: skip
    return make_plan(load_run(work.spec, said).spec, _cluster(work, layout.world_size), layout.world_size)


def _cluster(work: Work, world_size: int) -> Any:
    """One node with as many of this machine's devices as the layout has ranks."""
    from orchestrator.launch.ground import ground
    from orchestrator.launch.machine import this_machine
    from orchestrator.spec import ClusterSpec

    # torch is not asked: what starts the measurements must hold no memory on the devices.
    accelerator = "local" if work.device == "cuda" else "cpu"
    node: dict[str, Any] = {"accelerator": accelerator, "count": world_size}
    if work.peak_tflops:
        node["peak_tflops"] = {work.precision: work.peak_tflops}
    return ground(ClusterSpec.model_validate({"nodes": 1, "node": node}), this_machine())


def measure(work: Work, layout: Layout) -> Measured:
    """Trains on this rank; in the default process group, if the layout has several ranks."""
    import torch
    from torch import distributed

    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device
    from orchestrator.planning.mesh import coordinates

    on_gpu = work.device == "cuda"
    device = Device(kind=work.device, index=int(os.environ.get("LOCAL_RANK", "0")) if on_gpu else 0)
    if on_gpu:
        torch.cuda.set_device(device.index)
        torch.set_float32_matmul_precision("highest")
    plan = plan_of(work, layout)
    engine = make_engine(plan.engine)
    engine.build(plan, device)
    text = torch.frombuffer(bytearray(python_text(work.steps * work.sequences * work.sequence_length + 1)), dtype=torch.uint8)
    rank = distributed.get_rank() if layout.world_size > 1 else 0
    share = work.sequences // plan.data
    first = coordinates(plan.layout, rank).data * share
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    losses, seconds = [], []
    for step in range(1, work.steps + 1):
        samples = torch.arange(first, first + share) + (step - 1) * work.sequences
        starts = (samples * work.sequence_length) % (len(text) - work.sequence_length)
        rows = text[starts[:, None] + torch.arange(work.sequence_length + 1)].long()
        batches = [engine.objective.collate(part) for part in rows.split(work.micro_batch)]
        _wait(on_gpu, layout.world_size)
        began = time.perf_counter()
        losses.append(engine.train_step(batches, lr=plan.schedule.lr(step)).loss)
        _wait(on_gpu, layout.world_size)
        seconds.append(time.perf_counter() - began)
    memory = _peaks(layout.world_size, device.torch) if on_gpu else (None, None)
    engine.close()
    step_s = statistics.median(seconds[min(WARM_UP, work.steps // 2) :])
    parameters = plan.architecture.parameters
    return Measured(
        layout=str(layout), losses=tuple(losses), step_s=step_s, tokens_per_s=work.sequences * work.sequence_length / step_s,
        flops={CONVENTION: plan.flops_per_token, "6N": 6 * parameters}, peak=plan.peak_flops * layout.world_size,
        allocated=memory[0], reserved=memory[1],
        device=torch.cuda.get_device_name() if on_gpu else "CPU", versions=_versions(),
    )  # fmt: skip


def _wait(on_gpu: bool, world_size: int) -> None:
    """Until every rank is here and its device is idle, so that no rank's lateness is another's time."""
    if on_gpu:
        import torch

        torch.cuda.synchronize()
    if world_size > 1:
        from torch import distributed

        distributed.barrier()


def _peaks(world_size: int, device: Any) -> tuple[int, int]:
    """Peak bytes allocated and reserved, of the rank that needs most."""
    import torch
    from torch import distributed

    peaks = torch.tensor([torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()], device=device)
    if world_size > 1:
        distributed.all_reduce(peaks, op=distributed.ReduceOp.MAX)
    allocated, reserved = peaks.tolist()
    return allocated, reserved


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    import torch

    libraries = {name: version(name) for name in ("torch", "deepspeed", "megatron-core", "transformers")}
    return {**libraries, "CUDA": torch.version.cuda or "none"}


def table(rows: Sequence[Measured]) -> str:
    """Markdown: every layout, with its ratios to the first."""
    base = rows[0]
    lines = [
        f"| layout | step, s | tokens/s | ratio | MFU {CONVENTION} | MFU 6N | allocated, GB | ratio | reserved, GB | loss | difference |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        mfus = (f"{row.mfu(name):.1%}" for name in (CONVENTION, "6N"))
        memory = ("", "", "")
        if row.allocated and row.reserved and base.allocated:
            memory = (f"{row.allocated / 1e9:.2f}", f"{row.allocated / base.allocated:.2f}", f"{row.reserved / 1e9:.2f}")
        cells = (
            row.layout, f"{row.step_s:.4f}", f"{row.tokens_per_s:,.0f}", f"{row.tokens_per_s / base.tokens_per_s:.2f}", *mfus,
            *memory, f"{row.losses[0]:.4f} -> {row.losses[-1]:.4f}", str(difference(row, base)) if row is not base else "",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def heading(work: Work, rows: Sequence[Measured], world_size: int) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in rows[0].versions.items())
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {rows[0].device} x{world_size}\n\n"
        f"{work.spec}, {work.precision}, {work.steps} steps of {work.sequences} sequences of {work.sequence_length} bytes,"
        f" micro-batch {work.micro_batch}; {versions}.\nRatios and differences of losses are to the first line's.\n"
    )


def disagreements(work: Work, rows: Sequence[Measured]) -> list[str]:
    """One line for every layout whose losses are not the first one's."""
    found = ((row, difference(row, rows[0])) for row in rows[1:])
    largest, mean = LIMITS[work.precision]
    return [
        f"{row.layout}: losses differ from those of {rows[0].layout} by {apart}; {largest:g}, mean {mean:g} pass"
        for row, apart in found
        if not apart.within(LIMITS[work.precision])
    ]


def in_own_process(work: Work, layout: Layout, number: int) -> Measured | None:
    """Measures a layout in a new process on every rank; what the first rank found, None on the others."""
    with tempfile.TemporaryDirectory(prefix="gpu-") as folder:
        result = Path(folder) / "measured.json"
        said = json.dumps({"work": asdict(work), "layout": asdict(layout), "number": number, "result": str(result)})
        alone = layout.world_size == 1
        environment = {name: value for name, value in os.environ.items() if not (alone and name.startswith(TORCHRUN))}
        if layout.tensor > 1:  # read when a process first meets the device, which is before the engine is built
            environment.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "1")
        done = subprocess.run([sys.executable, "-m", "benchmarks.gpu", "--measure", said], check=False, env=environment)
        if done.returncode:
            raise SystemExit(f"{layout} failed with exit code {done.returncode}; what it said is above")
        if not result.exists():
            return None
        found = json.loads(result.read_text())
        measured = Measured(**{**found, "losses": tuple(found["losses"])})
        print(f"{measured.layout}: {measured.tokens_per_s:,.0f} tokens/s, loss {measured.losses[-1]:.4f}", file=sys.stderr, flush=True)
        return measured


def _measure_and_write(said: dict[str, Any]) -> None:
    """The process of one layout, under torchrun's environment if there is one."""
    work, layout = Work(**said["work"]), Layout(**said["layout"])
    rank = int(os.environ.get("RANK", "0"))
    if layout.world_size > 1:
        import torch
        from torch import distributed

        if work.device == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        # torchrun's own store: names of the layout before are still in it.
        store = distributed.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)
        distributed.init_process_group(
            "nccl" if work.device == "cuda" else "gloo", store=distributed.PrefixStore(f"layout {said['number']}", store),
            rank=rank, world_size=layout.world_size,
        )  # fmt: skip
    measured = measure(work, layout)
    if rank == 0:
        Path(said["result"]).write_text(json.dumps(asdict(measured)))
    if layout.world_size > 1:
        distributed.barrier()
        distributed.destroy_process_group()


def possible(work: Work, found: Sequence[Layout], leads: bool) -> list[Layout]:
    """Those that can be planned; says why the others cannot."""
    able = []
    for layout in found:
        try:
            plan_of(work, layout)
        except PlanError as error:
            if leads:
                print(f"left out: {layout}: {error}\n", flush=True)
            continue
        able.append(layout)
    return able


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints and, on a GPU, adds to gpu.md; exit code 1 when losses disagree."""
    options = _options(arguments)
    if options.measure:
        _measure_and_write(json.loads(options.measure))
        return 0
    import torch

    if options.device == "cuda" and not torch.cuda.is_available():
        built = torch.version.cuda or "none"
        print(f"no CUDA device: nothing was measured (torch {torch.__version__}, built for CUDA {built}).")
        print("To try the script itself on this machine: python -m benchmarks.gpu --device cpu")
        return 0
    world_size, leads = int(os.environ.get("WORLD_SIZE", "1")), os.environ.get("RANK", "0") == "0"
    work = _work(options, world_size)
    able = possible(work, layouts(world_size, options.engines), leads)
    if not able:
        print("no layout is possible; the reasons are above", file=sys.stderr)
        return 3
    found = [in_own_process(work, layout, number) for number, layout in enumerate(able)]
    # The oracle: fp32 in one process, at a size where that is affordable.
    small = replace(work, spec=NANO, sequences=8, micro_batch=2, sequence_length=min(256, work.sequence_length), peak_tflops=None)
    oracle = replace(small, precision="fp32")
    small_found: list[Measured | None] = []
    if leads:
        alone = [Layout(engine="reference"), *layouts(1, options.engines)]
        small_found = [in_own_process(oracle if number == 0 else small, layout, number) for number, layout in enumerate(alone)]
    if not leads:
        return 0
    rows, small_rows = [row for row in found if row], [row for row in small_found if row]
    text = f"## {heading(work, rows, world_size)}\n{table(rows)}\n\nAgainst the reference engine in fp32, {NANO}:\n\n"
    text += "".join(f"- {row.layout} in {small.precision}: {difference(row, small_rows[0])}\n" for row in small_rows[1:])
    wrong = disagreements(work, rows) + disagreements(small, small_rows)
    text += "\n" + ("\n".join(f"FAILED {line}" for line in wrong) or "All losses agree.") + "\n"
    print(text, flush=True)
    if work.device == "cuda":
        before = REPORT.read_text() if REPORT.exists() else f"# Both engines on GPUs\n\n{PURPOSE}\n"
        REPORT.write_text(f"{before}\n{text}")
    return 1 if wrong else 0


PURPOSE = "What `benchmarks/gpu.py` measured, newest last; how and why stands in its docstring."


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--spec", help="a run page (default: LLaMA 1B, on a CPU the nano page)")
    parser.add_argument("--steps", type=int, help="default: 50, on a CPU 6")
    parser.add_argument("--micro-batch", type=int, help="sequences (default: 4, on a CPU 1)")
    parser.add_argument("--sequence-length", type=int, help="bytes (default: 2048, on a CPU 64)")
    parser.add_argument("--sequences", type=int, help="of a step (default: 4 micro-batches for each rank)")
    parser.add_argument("--precision", choices=tuple(LIMITS), default="bf16")
    parser.add_argument("--engines", nargs="+", choices=("deepspeed", "megatron"), default=("deepspeed", "megatron"))
    parser.add_argument("--peak-tflops", type=float, help="dense peak of the device, where the planner's table lacks it")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _work(options: argparse.Namespace, world_size: int) -> Work:
    small = options.device == "cpu"
    micro_batch = options.micro_batch or (1 if small else 4)
    return Work(
        spec=options.spec or (NANO if small else "model_specs/llama/1b.yaml"), precision=options.precision,
        steps=options.steps or (6 if small else 50), micro_batch=micro_batch,
        sequences=options.sequences or 4 * micro_batch * world_size,
        sequence_length=options.sequence_length or (64 if small else 2048), device=options.device, peak_tflops=options.peak_tflops,
    )  # fmt: skip


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OrchestratorError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
