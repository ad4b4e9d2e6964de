"""What rows do not say of the mixtures they ran: from the configurations that their makers published.

Rows print layers, widths and heads. Whether heads are hidden / heads wide, how attention makes its keys, which layers are
dense and how wide, no row says; without it a count is off by a tenth and more. Sources: `config.json` of the models named
below on the Hugging Face Hub.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.architecture.parts import Latent

_LATENT = Latent(query_rank=1536, kv_rank=512, plain=128, turned=64, value=128)


@dataclass(frozen=True, kw_only=True)
class Config:
    """A mixture of experts beyond a row's columns.

    head_dim: width of a head; None: hidden / heads. shared: experts that every token meets.
    first_dense, dense: layers at the start that are no mixture, and their feed-forward's width.
    window: keys that each second layer sees, the first among them; biased: whether attention has biases.
    """

    experts: int
    per_token: int
    head_dim: int | None = None
    latent: Latent | None = None
    shared: int = 0
    first_dense: int = 0
    dense: int = 0
    window: int | None = None
    biased: bool = False


_CONFIGS = (
    (r"DeepSeek-?V3", Config(experts=256, per_token=8, latent=_LATENT, shared=1, first_dense=3, dense=18432)),
    (r"Kimi-?K2", Config(experts=384, per_token=8, latent=_LATENT, shared=1, first_dense=1, dense=18432)),
    (r"GPT-?OSS.?120B", Config(experts=128, per_token=4, head_dim=64, window=128, biased=True)),
    (r"GPT-?OSS.?20B", Config(experts=32, per_token=4, head_dim=64, window=128, biased=True)),
    (r"Qwen3.?(30B.?A3B|235B.?A22B)", Config(experts=128, per_token=8, head_dim=128)),
    (r"Mixtral.?8x", Config(experts=8, per_token=2)),
)  # fmt: skip


def config_of(row: Mapping[str, str]) -> Config | None:
    """The mixture of a row: published by its maker, or as the row's notes say it; None for a dense model."""
    known = next((config for pattern, config in _CONFIGS if re.search(pattern, row["model"], re.IGNORECASE)), None)
    said = re.search(r"(\d+) experts top(\d+)(?: \+ (\d+) shared)?", row["notes"])
    if known or not said:
        return known
    return Config(experts=int(said[1]), per_token=int(said[2]), shared=int(said[3] or 0))
