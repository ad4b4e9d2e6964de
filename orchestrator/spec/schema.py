"""JSON Schemas of both pages: what editors use to complete keys and underline mistakes."""

from __future__ import annotations

import functools
import operator
from typing import Annotated, Any

from pydantic import Field

from orchestrator.registry import FAMILIES
from orchestrator.spec.cluster import ClusterSpec
from orchestrator.spec.run import RunSpec


def run_schema() -> dict[str, Any]:
    """Schema of a run page over every family there is."""
    families = [FAMILIES.get(name) for name in FAMILIES.names()]
    model: Any = families[0]
    if len(families) > 1:
        model = Annotated[functools.reduce(operator.or_, families), Field(discriminator="family")]
    return _titled(RunSpec[model].model_json_schema(), "A training run")


def cluster_schema() -> dict[str, Any]:
    """Schema of a cluster page."""
    return _titled(ClusterSpec.model_json_schema(), "A cluster")


def _titled(schema: dict[str, Any], title: str) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}
