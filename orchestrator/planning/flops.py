"""FLOPs per token, by every convention in use: the same run is 30 % or 41 % of peak by two of them.

A convention is part of a number. `Llama-3 8B at 8192, 6,667 tokens/s on an H100` is 30.4 % of peak to one author and
41.2 % to another (benchmarks/planner); so nothing here is called "the" FLOPs, and an MFU is shown with its convention.

    parts of one token's forward pass          N   all parameters, of a mixture those that one token meets
    products   2 x matrix parameters           E   the embedding's table
    scores     4 s (heads x head_dim) each layer, over the full square; half of it where the mask is causal

    convention   formula                                  counted as              used by
    6N           6 N                                      model                   cost papers
    PaLM         6 N + 12 L h s                           model                   PaLM appendix B, nanoGPT, llm-foundry
    torchtitan   6 (N - E) + 12 L h s                     model                   torchtitan, NeMo to 24.12
    Bridge       6 (N - E) + 6 L h s                      model, causal half      Megatron-core, Megatron-Bridge
    llm.c        6 N + 6 L h s                            model, causal half      llm.c
    SC21         96 L h^2 (1 + s/6h + V/16Lh)             hardware, recomputed    Narayanan et al. 2021, BLOOM, OPT
    Korthikanti  72 L h^2 (1 + s/6h + V/12Lh)             model                   Korthikanti et al. 2022
    Korthikanti-hardware  72 L h^2 (1 + s/3h + V/12Lh)    hardware, selective     Korthikanti et al. 2022
    8N           8 N                                      hardware, recomputed    bigscience's shorthand

The formulas in L, h and V are of GPT's shape; here they are summed over the parts, so that grouped queries, gated
units and experts count as what they are, and equal the formulas for GPT (tested).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from orchestrator.architecture.parts import MixtureOfExperts
from orchestrator.architecture.stack import Architecture


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Of one token: matrix parameters of blocks and head, forward score FLOPs, and parameters met (N) and looked up (E)."""

    blocks: int
    head: int
    scores: int
    met: int
    looked_up: int


def counts(architecture: Architecture, sequence_length: int) -> Counts:
    """The counts that conventions are made of, for sequences of `sequence_length` tokens."""
    unmet = sum(_unmet(block.feed_forward) for block in architecture.blocks)
    embedding = architecture.embedding
    return Counts(
        blocks=sum(block.matmul_parameters for block in architecture.blocks),
        head=architecture.head.matmul_parameters,
        scores=sum(block.attention.score_flops(sequence_length) for block in architecture.blocks),
        met=architecture.parameters - unmet,
        looked_up=0 if architecture.head.tied else embedding.vocab * embedding.hidden,
    )


def _unmet(part: object) -> int:
    """Parameters of the experts that a token does not meet."""
    if not isinstance(part, MixtureOfExperts):
        return 0
    return (part.router.experts - part.router.per_token) * part.expert.parameters


CONVENTIONS: MappingProxyType[str, Callable[[Counts], float]] = MappingProxyType(
    {
        "6N": lambda c: 6 * c.met,
        "PaLM": lambda c: 6 * c.met + 3 * c.scores,
        "torchtitan": lambda c: 6 * (c.met - c.looked_up) + 3 * c.scores,
        "Bridge": lambda c: 6 * (c.met - c.looked_up) + 1.5 * c.scores,
        "llm.c": lambda c: 6 * c.met + 1.5 * c.scores,
        "SC21": lambda c: 8 * c.blocks + 6 * c.head + 4 * c.scores,
        "Korthikanti": lambda c: 6 * (c.blocks + c.head) + 3 * c.scores,
        "Korthikanti-hardware": lambda c: 6 * (c.blocks + c.head) + 6 * c.scores,
        "8N": lambda c: 8 * c.met,
    }
)
"""FLOPs of training on one token, by the convention's name."""


def flops_per_token(architecture: Architecture, sequence_length: int, convention: str) -> float:
    """Training FLOPs per token by a convention of CONVENTIONS; KeyError for another name."""
    return CONVENTIONS[convention](counts(architecture, sequence_length))


@dataclass(frozen=True, kw_only=True)
class Passes:
    """FLOPs of one token that are made in each pass of a step."""

    forward: float
    backward: float
    recomputed: float

    @property
    def model(self) -> float:
        """What the model asks for."""
        return self.forward + self.backward

    @property
    def hardware(self) -> float:
        """What the devices do."""
        return self.model + self.recomputed


def passes(architecture: Architecture, sequence_length: int, *, recompute: str, causal: bool) -> Passes:
    """The FLOPs of one token pass by pass.

    recompute: `full` makes the blocks' forward pass once more, `selective` their scores, `none` nothing.
    causal: whether the masked half of the scores is left out, as fused attention does, or made, as products do.
    """
    counted = counts(architecture, sequence_length)
    scores = counted.scores / 2 if causal else float(counted.scores)
    forward = 2 * (counted.blocks + counted.head) + scores
    again = {"full": 2 * counted.blocks + scores, "selective": scores, "none": 0.0}
    return Passes(forward=forward, backward=2 * forward, recomputed=again[recompute])
