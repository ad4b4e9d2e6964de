"""ClusterSpec: what hardware a page says there is, its price, and how Ray is reached on it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from orchestrator.pages import Bytes, Duration, Section
from orchestrator.spec.run import Degree


class Links(Section):
    """What joins the devices of one node: bytes per second, one direction, per device."""

    bandwidth: Annotated[Bytes, Field(gt=0)]
    name: str = "nvlink"
    devices: int | None = Field(default=None, gt=1)
    """Devices that these links join, where they reach beyond one node (NVL72: 72); a node's own otherwise."""


class Node(Section):
    """One machine. `accelerator: local` means what the machine at hand has: its GPUs, else its CPU cores."""

    accelerator: str = Field(default="local", min_length=1)
    count: Degree = None
    """Devices per node; for `cpu` the number of workers, one per core where the machine has so many."""
    cores: int | None = Field(default=None, gt=0)
    """CPU cores of one node; workers on the CPU that are more share them."""
    memory: Annotated[Bytes, Field(gt=0)] | None = None
    """Memory of one device; known for the accelerators that ship, shared host memory for `cpu`."""
    host_memory: Annotated[Bytes, Field(gt=0)] | None = None
    """Memory of one node beside its devices', which offload fills."""
    host_bandwidth: Annotated[Bytes, Field(gt=0)] | None = None
    """Bytes per second of a node's own memory, which its ranks share when they step an offloaded optimizer."""
    host_link: Annotated[Bytes, Field(gt=0)] | None = None
    """Bytes per second between one device and its host, one direction, as copies reach them: PCIe."""
    memory_bandwidth: Annotated[Bytes, Field(gt=0)] | None = None
    """Bytes per second of one device's memory; known for the accelerators that ship."""
    peak_tflops: dict[Literal["fp32", "fp16", "bf16", "fp8"], Annotated[float, Field(gt=0)]] | None = None
    """Peak dense TFLOP/s of one device; known for the accelerators that ship."""
    links: Links | None = None


class Network(Section):
    """Between nodes: bytes per second, one direction, per node; and latency in microseconds, of one message."""

    bandwidth: Annotated[Bytes, Field(gt=0)]
    latency_us: float | None = Field(default=None, gt=0)
    """Where `calibration` says none; the planner's default where neither does."""


Fraction = Annotated[float, Field(gt=0, le=1)]


class HostCost(Section):
    """Microseconds that an engine's own Python takes on the CPU, whatever the model computes."""

    step_us: Annotated[float, Field(ge=0)]
    """Once a step."""
    pass_us: Annotated[float, Field(ge=0)]
    """Per micro-batch, forward and backward."""
    block_us: Annotated[float, Field(ge=0)]
    """Per dense block of a micro-batch, forward and backward."""


Measured = Literal["reference", "deepspeed-0", "deepspeed-1", "deepspeed-2", "deepspeed-3", "megatron"]


class ErrorOn(Section):
    """What kinds of runs an error was measured on: of other kinds it says nothing."""

    engine: tuple[str, ...] = ()
    precision: tuple[str, ...] = ()
    model: tuple[Literal["dense", "mixture"], ...] = ()


class Calibration(Section):
    """What measurements say of this cluster, each number in place of the planner's default (`make calibrate` writes it).

    A number left out keeps its default; planning/calibration.py says what each means and where its default comes from.
    """

    matmul_efficiency: Fraction | None = None
    """Fraction of peak that large matrix products reach."""
    attention_efficiency: Fraction | None = None
    """Fraction of peak that fused attention's forward pass reaches."""
    expert_efficiency: Fraction | None = None
    """Speed of experts' products and copies as a fraction of what plain ones would reach."""
    memory_efficiency: Fraction | None = None
    """Fraction of the memory's bandwidth that memory-bound operations reach."""
    launch_overhead_us: float | None = Field(default=None, ge=0)
    """Microseconds that the host needs to start one operation on the device."""
    link_efficiency: Fraction | None = None
    """Fraction of the links' bandwidth that collectives inside a node reach."""
    link_latency_us: float | None = Field(default=None, ge=0)
    """Microseconds that a collective inside a node takes beyond its bytes, per rank it passes, of at most 8."""
    network_efficiency: Fraction | None = None
    """Fraction of the network's bandwidth that collectives between nodes reach."""
    network_latency_us: float | None = Field(default=None, ge=0)
    """Microseconds that a collective between nodes takes beyond its bytes, per level of a tree up and down: 2 log2(nodes) times."""
    overlap: Annotated[float, Field(ge=0, le=1)] | None = None
    """Fraction of the communication that can run behind computing that does."""
    step_overhead_s: float | None = Field(default=None, ge=0)
    """Seconds of every step that no layout changes: data, logging, the optimizer's own launches."""
    framework_bytes: Annotated[Bytes, Field(ge=0)] | None = None
    """Bytes of a rank before it holds a model: interpreter and libraries on CPU; context and kernels on CUDA,
    whose communicators are counted by group."""
    fragmentation: Annotated[float, Field(ge=0, lt=1)] | None = None
    """What the allocator holds beyond what is allocated, as a fraction of the allocated."""
    peak_tflops: dict[Literal["fp32", "fp16", "bf16", "fp8"], Annotated[float, Field(gt=0)]] | None = None
    """TFLOP/s of the best matrix product, where no data sheet has a peak: of one core, while all cores are at work."""
    memory_bandwidth: Annotated[Bytes, Field(gt=0)] | None = None
    """Bytes per second of one device's memory, where no data sheet has it."""
    link_bandwidth: Annotated[Bytes, Field(gt=0)] | None = None
    """Bytes per second of the links, one direction, where no data sheet has it: gloo between processes of one machine."""
    turn_us: float | None = Field(default=None, ge=0)
    """Microseconds per rank that a collective on the CPU takes longer where workers outnumber cores."""
    host: dict[Measured, HostCost] | None = None
    """What each engine's own Python takes on the CPU; DeepSpeed's by stage of ZeRO."""
    error: dict[Literal["time", "memory"], Annotated[float, Field(ge=0)]] | None = None
    """Mean absolute relative error that these numbers showed on measurements they were not fitted to."""
    error_on: ErrorOn | None = None
    """What those measurements were of; a plan of anything else is shown with no smaller error than published runs like it."""
    source: str | None = None
    """What was measured: device, date and software, or the published rows."""


class Ray(Section):
    """How to reach or start Ray. Without `address`, `up` starts every node's raylet on this machine."""

    address: str | None = None
    dashboard_port: int = Field(default=8265, gt=0, lt=65536)


class Reliability(Section):
    """How often what fails, and how it is put right; what is not said has published defaults in the planner."""

    failures_per_1000_node_days: float | None = Field(default=None, ge=0)
    """Failures that stop the run, of any cause but switches."""
    switch_failures_per_1000_switch_days: float | None = Field(default=None, ge=0)
    nodes_per_switch: int | None = Field(default=None, gt=0)
    """Nodes that a switch takes with it."""
    stragglers_per_1000_node_days: float | None = Field(default=None, ge=0)
    straggler_slowdown: float | None = Field(default=None, gt=0, lt=1)
    """Fraction of the run's speed that one slow node costs until it is found."""
    straggler_found: Annotated[Duration, Field(gt=0)] | None = None
    spare_nodes: int | None = Field(default=None, ge=0)
    """Nodes beside `nodes`, which take the place of those in repair."""
    fetch: Annotated[Duration, Field(ge=0)] | None = None
    """Time to bring a spare node up; 0 for hot ones."""
    detect: Annotated[Duration, Field(ge=0)] | None = None
    """From a failure until it is known."""
    restart: Annotated[Duration, Field(ge=0)] | None = None
    """From then until the run reads its checkpoint."""
    repair: Annotated[Duration, Field(gt=0)] | None = None
    """Until a failed node is back, as a spare."""

    @model_validator(mode="after")
    def _said_together(self) -> Reliability:
        for names in (
            ("switch_failures_per_1000_switch_days", "nodes_per_switch"),
            ("stragglers_per_1000_node_days", "straggler_slowdown", "straggler_found"),
        ):
            missing = [name for name in names if getattr(self, name) is None]
            if missing and len(missing) < len(names):
                raise ValueError(f"{missing[0]} is missing: {', '.join(names)} are said together; fix: add `{missing[0]}:`")
        return self


class Storage(Section):
    """Where checkpoints go, in bytes per second: all nodes of a job together, and one node alone."""

    write_bandwidth: Annotated[Bytes, Field(gt=0)] | None = None
    read_bandwidth: Annotated[Bytes, Field(gt=0)] | None = None
    node_write_bandwidth: Annotated[Bytes, Field(gt=0)] | None = None
    node_read_bandwidth: Annotated[Bytes, Field(gt=0)] | None = None


class ClusterSpec(Section):
    """The hardware, as said."""

    nodes: int = Field(gt=0, le=10**6)
    node: Node = Node()
    network: Network | None = None
    price_per_device_hour: float | None = Field(default=None, ge=0)
    calibration: Calibration = Calibration()
    ray: Ray = Ray()
    reliability: Reliability = Reliability()
    storage: Storage = Storage()

    @model_validator(mode="after")
    def _local_is_one_machine(self) -> ClusterSpec:
        if self.node.accelerator == "local" and self.nodes > 1:
            raise ValueError(
                f"{self.nodes} nodes of `accelerator: local`: only the machine at hand is local;"
                " fix: name the accelerator (cpu for several raylets on one machine)"
            )
        if self.node.accelerator != "local" and self.node.count is None:
            raise ValueError(
                f"node.count is missing: how many {self.node.accelerator} are in one node; fix: add `count: 8` under node"
            )
        return self
