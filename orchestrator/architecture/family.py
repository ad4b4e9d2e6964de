"""The contract of a model family: numbers on a page -> an Architecture."""

from __future__ import annotations

from abc import abstractmethod

from orchestrator.architecture.stack import Architecture
from orchestrator.pages import Section


class Family(Section):
    """What `model:` says for one family: sizes only. Subclasses add `family: Literal["name"]` and fields."""

    @abstractmethod
    def architecture(self) -> Architecture:
        """The model these numbers mean."""
