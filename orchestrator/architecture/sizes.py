"""Arithmetic that the sizes on a page must obey, and what to write instead, said once for all families."""

from __future__ import annotations


def require_whole_heads(hidden_size: int, heads: int) -> None:
    """ValueError unless `hidden_size` splits into `heads` equal heads."""
    if hidden_size % heads:
        close = nearest_divisor(hidden_size, heads)
        raise ValueError(f"hidden_size {hidden_size} is not a multiple of heads {heads}; fix: write heads: {close}")


def require_pairs(hidden_size: int, heads: int) -> None:
    """ValueError unless each head has an even width, whose pairs rotary positions can turn."""
    require_whole_heads(hidden_size, heads)
    width = hidden_size // heads
    if width % 2:
        raise ValueError(
            f"hidden_size {hidden_size} over heads {heads} gives heads of odd width {width}; rotary"
            f" positions turn pairs; fix: write hidden_size: {heads * (width + 1)}"
        )


def require_whole_groups(heads: int, kv_heads: int) -> None:
    """ValueError unless each key and value head serves as many query heads."""
    if heads % kv_heads:
        close = nearest_divisor(heads, kv_heads)
        raise ValueError(f"heads {heads} is not a multiple of kv_heads {kv_heads}; fix: write kv_heads: {close}")


def nearest_divisor(number: int, wanted: int) -> int:
    """The divisor of `number` nearest to `wanted`; of two, the smaller."""
    return min((d for d in range(1, number + 1) if number % d == 0), key=lambda divisor: abs(divisor - wanted))


def rounded_up(count: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is at least `count`: rows that tensor parallelism can share out."""
    return -(-count // multiple) * multiple
