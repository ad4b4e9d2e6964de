"""What each engine can do, as data that plans are checked against. Engines point here; nothing heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """Limits of an engine. An axis not named in `axes` must have degree 1."""

    axes: frozenset[str]
    zero_stages: frozenset[int]
    offload: frozenset[str]
    precisions: frozenset[str]
    recompute: frozenset[str]
    zero_stages_of_optimizer: MappingProxyType[str, frozenset[int]]
    """Which ZeRO stages can partition which optimizer's state; none: the engine lacks the optimizer."""
    parts: frozenset[str] | None = None
    """Names of `features.py` that the engine can build; None: whatever the family's own module has, but for `lacks`."""
    lacks: frozenset[str] = frozenset()
    """Names of `features.py` that the engine cannot build."""

    joins: frozenset[str] = frozenset()
    """Names of `features.py` with which the engine cannot keep the documents of a sample apart."""

    one_size: bool = False
    """Whether all layers have the same sizes, norms of one eps, and biases everywhere or nowhere."""

    @property
    def splits_models(self) -> bool:
        """Whether a model can be larger than a rank without ZeRO: by matrices, layers or experts."""
        return bool(self.axes & {"tensor", "pipeline", "expert"})

    def missing(self, features: frozenset[str]) -> list[str]:
        """Those of a model's features that the engine cannot build, sorted."""
        unknown = features - self.parts if self.parts is not None else frozenset()
        return sorted(unknown | (features & self.lacks))


_EVERY_STAGE = frozenset({0, 1, 2, 3})

_ROUTERS_OF_ITS_OWN = frozenset({"Router.capacity", "Router.bias_rate", "Router.scores=sigmoid"})
"""What no `transformers` mixture of experts has under one name: they route by softmax and drop no token."""

_WITHOUT_POSITIONS = frozenset({"ALiBi"})
"""`transformers` keeps documents apart where positions begin again, and its models with ALiBi take none."""

CAPABILITIES: MappingProxyType[str, Capabilities] = MappingProxyType(
    {
        "reference": Capabilities(
            axes=frozenset(),
            zero_stages=frozenset({0}),
            offload=frozenset({"none"}),
            precisions=frozenset({"fp32", "bf16"}),
            recompute=frozenset({"none", "full"}),
            zero_stages_of_optimizer=MappingProxyType({"adamw": frozenset({0}), "adafactor": frozenset({0})}),
            lacks=_ROUTERS_OF_ITS_OWN,
            joins=_WITHOUT_POSITIONS,
        ),
        "deepspeed": Capabilities(
            axes=frozenset({"data"}),
            zero_stages=_EVERY_STAGE,
            offload=frozenset({"none", "optimizer", "parameters"}),
            precisions=frozenset({"fp32", "bf16"}),
            recompute=frozenset({"none", "full"}),
            # Factored moments are row and column sums of whole matrices: ZeRO's flat partitions cannot hold them.
            zero_stages_of_optimizer=MappingProxyType({"adamw": _EVERY_STAGE, "adafactor": frozenset({0})}),
            lacks=_ROUTERS_OF_ITS_OWN,
            joins=_WITHOUT_POSITIONS,
        ),
        "megatron": Capabilities(
            axes=frozenset({"data", "tensor", "sequence_parallel", "pipeline", "virtual", "context", "expert"}),
            # Stage 1 is Megatron-core's distributed optimizer.
            zero_stages=frozenset({0, 1}),
            offload=frozenset({"none"}),
            precisions=frozenset({"fp32", "bf16"}),
            recompute=frozenset({"none", "selective", "full"}),
            # Tensor parallelism and the distributed optimizer both cut matrices whose rows and columns Adafactor sums.
            zero_stages_of_optimizer=MappingProxyType({"adamw": frozenset({0, 1}), "adafactor": frozenset()}),
            one_size=True,
            # A list, not its complement: a part that nobody has taught the engine is refused by its name.
            parts=frozenset(
                {
                    "Embedding", "Block", "Block.residual=parallel", "RMSNorm", "LayerNorm",
                    "Attention", "Attention.causal=True", "Attention.bias=True", "Attention.bias=False", "Rotary", "ALiBi",
                    "GatedFeedForward", "GatedFeedForward.activation=silu", "GatedFeedForward.activation=gelu",
                    "GatedFeedForward.activation=gelu_tanh",
                    "FeedForward", "FeedForward.activation=silu", "FeedForward.activation=gelu",
                    "FeedForward.activation=gelu_tanh", "FeedForward.bias=True", "FeedForward.bias=False",
                    "MixtureOfExperts", "Router", "Router.scores=sigmoid", "Router.balance_loss", "Router.z_loss",
                    "Router.bias_rate", "Router.capacity",
                    "Head", "Head.tied=True", "Head.tied=False",
                }
            ),
        ),
    }
)  # fmt: skip
