"""Seconds of one optimizer step, by what takes them.

    step.py   a first estimate of all parts
"""

from orchestrator.planning.timing.step import StepTime, bubble_fraction, step_time

__all__ = ["StepTime", "bubble_fraction", "step_time"]
