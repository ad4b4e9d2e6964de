"""RunSpec: everything one page says about a run. Frozen; no derived number; knows no hardware."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
    field_validator,
)

from orchestrator.pages import Bytes, Count, Length, Section
from orchestrator.spec.training import Training

F = TypeVar("F", bound=Section)


def _auto(value: Any) -> Any:
    return None if value == "auto" else value


def _show_auto(value: Any) -> Any:
    return "auto" if value is None else value


_SHOWN_AS_AUTO = PlainSerializer(_show_auto, return_type=Any)
Degree = Annotated[
    Annotated[int, Field(ge=1, le=2**20)] | None,
    BeforeValidator(_auto),
    _SHOWN_AS_AUTO,
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "auto"}]}),
]
"""The size of a parallel axis, or `auto`: the planner chooses."""
Switch = Annotated[
    bool | None,
    BeforeValidator(_auto),
    _SHOWN_AS_AUTO,
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"const": "auto"}]}),
]
"""On, off, or `auto`."""
ZeroStage = Annotated[
    Annotated[int, Field(ge=0, le=3)] | None,
    BeforeValidator(_auto),
    _SHOWN_AS_AUTO,
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0, "maximum": 3}, {"const": "auto"}]}),
]


class Published(Section):
    """Numbers of the source that the page must reproduce; `check` compares them."""

    parameters: Count = Field(gt=0)


class Reading(Section):
    """How samples are read in advance; changes nothing but waiting."""

    by: Literal["threads", "processes"] = "threads"
    workers: int = Field(default=1, ge=0, le=64)
    ahead: int = Field(default=2, ge=1, le=1024)
    """Steps."""


class Data(Section):
    """Which token stream, cut how long."""

    mixture: str = Field(min_length=1)
    """Name of a mixture that ships, or the path of a mixture page."""
    sequence_length: int = Field(gt=0, le=2**24)
    order: Literal["megatron"] | None = None
    """`megatron`: the samples in the order of Megatron-LM's GPTDataset on the same shards, which changes with the length of
    the run. By default an order that depends on the data and the seed alone."""
    documents: Literal["apart"] | None = None
    """`apart`: attention stays inside documents. By default a sample is read as one text."""
    packing: Literal["best_fit"] | None = None
    """`best_fit`: whole documents in each sample, and a little padding. By default a stream of tokens that is cut every so many."""
    live: bool = False
    """Train while the data is prepared, on what is there so far. The order is then that in which shards were admitted, also
    when all was prepared before."""
    prepared: str | None = Field(default=None, min_length=1)
    """Prepared data to read instead of preparing the mixture here: a folder, or an fsspec URL such as s3://bucket/folder."""
    cache: Annotated[Bytes, Field(ge=2**26)] = 16 * 2**30
    """Bytes of shards behind a URL that a node keeps on its disk."""
    reading: Reading = Reading()


class Parallelism(Section):
    """Layout: changes speed and memory, never the curve.

    A key that says `auto` is searched: the planner ranks every legal layout by its predicted step time. The word `auto` for
    the whole section says it of all keys. A key that is not said is as plain as can be: degrees of 1 and what follows.
    """

    automatic: ClassVar[tuple[str, ...]] = (
        "engine", "data", "tensor", "sequence_parallel", "pipeline", "virtual", "context", "expert", "expert_tensor",
        "micro_batch", "zero", "offload", "recompute",
    )  # fmt: skip
    searched: ClassVar[tuple[str, ...]] = ("tensor", "pipeline", "virtual", "context", "expert", "offload", "recompute")
    """Keys whose `auto`, which has to be said, begins a search. `auto` is the default of the others."""

    engine: Literal["auto", "reference", "deepspeed", "megatron"] = "auto"
    data: Degree = None
    tensor: Degree = 1
    sequence_parallel: Switch = None
    """Whether tensor-parallel ranks share out the sequence between matrices; `auto`: where tensor is above 1."""
    pipeline: Degree = 1
    virtual: Degree = 1
    """Model chunks per pipeline rank, interleaved (Narayanan et al. 2021, section 2.2)."""
    context: Degree = 1
    """Ranks that share out each sequence."""
    expert: Degree = 1
    """Ranks that share out the experts of a layer; they are ranks of data and context, no axis of their own."""
    expert_tensor: Degree = None
    """Ranks that share out each expert's matrices; `auto`: as many as tensor."""
    micro_batch: Degree = None
    """Sequences per forward pass on one rank."""
    zero: ZeroStage = None
    """ZeRO stage: 0 nothing, 1 optimizer states, 2 gradients too, 3 parameters too are partitioned."""
    offload: Literal["auto", "none", "optimizer", "parameters"] = "none"
    """What ZeRO keeps in host memory; `parameters` includes the optimizer and needs stage 3. `auto`: nothing, unless only
    that fits and the cluster page says `host_memory`."""
    recompute: Literal["auto", "none", "selective", "full"] = "none"
    """Activations computed again in the backward pass: none, attention's core, or whole layers."""

    @property
    def open(self) -> tuple[str, ...]:
        """The keys that say `auto` where that is not the default: what a search is for."""
        return tuple(key for key in self.searched if getattr(self, key) in (None, "auto"))


class Checkpoint(Section):
    """When to save, and what to keep."""

    every: Length = Field(default="100 steps", validate_default=True)
    keep_last: int = Field(default=3, ge=1)
    keep_every: Length | None = None
    """Checkpoints at multiples of this are kept for ever."""

    @field_validator("every", "keep_every")
    @classmethod
    def _positive(cls, amount: Length | None) -> Length | None:
        if amount is not None and amount.value < 1:
            raise ValueError(f"expected at least 1, found {amount}; fix: say how often, such as '100 steps'")
        return amount


class WandB(Section):
    """Weights & Biases: offline unless logged in."""

    project: str = Field(default="orchestrator", min_length=1)
    entity: str | None = None
    tags: tuple[str, ...] = ()
    mode: Literal["auto", "online", "offline"] = "auto"


class Tracking(Section):
    """Views of metrics.jsonl outside the run's folder."""

    wandb: WandB | None = WandB()


class Recovery(Section):
    """What happens when a worker or node is lost."""

    max_restarts: int = Field(default=10, ge=0, le=10_000)


class _OrAuto:
    """JSON Schema of a section that may also be the single word `auto`."""

    def __get_pydantic_json_schema__(self, core: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(core), {"const": "auto"}]}


def _parallelism(value: Any) -> Any:
    return dict.fromkeys(Parallelism.automatic, "auto") if value == "auto" else value


class RunSpec(Section, Generic[F]):
    """One run, as said. `F` is the model's family."""

    system: str | None = None
    paper: str | None = None
    published: Published | None = None
    model: F
    data: Data
    training: Training
    parallelism: Annotated[
        Parallelism,
        BeforeValidator(_parallelism),
        _OrAuto(),
    ] = Parallelism()
    checkpoint: Checkpoint = Checkpoint()
    tracking: Tracking = Tracking()
    recovery: Recovery = Recovery()


RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What a run may be called: it names a folder, a Ray job and a W&B run."""
