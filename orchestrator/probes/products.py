"""Matrix products over a grid of sizes: the peak that the device reaches, and what is left of it at a model's sizes."""

from __future__ import annotations

import torch

from orchestrator.probes.clock import seconds_of
from orchestrator.probes.findings import Product

SIZES = {
    "cpu": ((1024, 1024, 1024), (1024, 512, 512), (1024, 896, 256), (1024, 256, 896), (512, 256, 256), (256, 1024, 256), (256, 256, 1024)),
    "cuda": (
        (16384, 8192, 8192), (8192, 8192, 8192), (8192, 4096, 4096), (8192, 11008, 4096), (8192, 4096, 11008), (4096, 2048, 2048),
        (4096, 5632, 2048), (2048, 1024, 1024),
    ),
}  # fmt: skip
"""(m, n, k): tokens, and matrices of small and of large models."""
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def products(device: torch.device, *, sizes: tuple[tuple[int, int, int], ...] | None = None, budget_s: float = 0.15) -> list[Product]:
    """fp32 on CPU; on CUDA bf16, and fp8 where the device has it."""
    found = []
    for m, n, k in sizes or SIZES[device.type]:
        for precision in ("fp32",) if device.type == "cpu" else ("bf16", "fp8") if _has_fp8(device) else ("bf16",):
            seconds = _fp8(m, n, k, device, budget_s) if precision == "fp8" else _plain(m, n, k, precision, device, budget_s)
            found.append(Product(m=m, n=n, k=k, precision=precision, seconds=seconds))
    return found


def _plain(m: int, n: int, k: int, precision: str, device: torch.device, budget_s: float) -> float:
    """A linear layer as engines call it; its backward products have the same FLOPs in other orders."""
    dtype = DTYPES[precision]
    inputs, weight = torch.randn(m, k, device=device, dtype=dtype), torch.randn(n, k, device=device, dtype=dtype)
    outer = torch.randn(m, n, device=device, dtype=dtype)
    acts = (lambda: torch.nn.functional.linear(inputs, weight), lambda: outer @ weight, lambda: outer.t() @ inputs)
    return sum(seconds_of(act, device, budget_s=budget_s / 3) for act in acts) / 3


def _has_fp8(device: torch.device) -> bool:
    """Ada and later (compute capability 8.9)."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 9)


def _fp8(m: int, n: int, k: int, device: torch.device, budget_s: float) -> float:
    """torch._scaled_mm, the product behind torchao's float8 linear layers: the second operand column-major, scales fp32."""
    inputs = torch.randn(m, k, device=device).to(torch.float8_e4m3fn)
    weight = torch.randn(n, k, device=device).to(torch.float8_e4m3fn)
    one = torch.ones((), device=device)
    multiply = torch._scaled_mm
    return seconds_of(lambda: multiply(inputs, weight.t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16), device, budget_s=budget_s)
