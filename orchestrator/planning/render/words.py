"""Quantities in words that a reader can compare."""

from __future__ import annotations

from orchestrator.units import format_duration


def money(value: float) -> str:
    """Whole units from 1,000 on."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}"


def seconds(value: float) -> str:
    """1.5 -> `1.5s`; 0.0256 -> `25.6 ms`; 0.000271 -> `271 µs`; a minute and more as elsewhere."""
    if value >= 0.9995 or value == 0:
        return format_duration(value)
    return f"{value * 1e3:.3g} ms" if value >= 0.9995e-3 else f"{value * 1e6:.3g} µs"
