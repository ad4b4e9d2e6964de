"""Distributed training of large models from declarative pages: Ray schedules, DeepSpeed trains."""

__version__ = "0.1.0"
