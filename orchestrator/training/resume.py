"""May this page continue that run? Judged from the checkpoint's manifest, before any worker starts.

A changed layout is nobody's business; a changed learning rate is another experiment. Training longer is
the same experiment when the learning rate of every step stays what it was. No torch here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any

from orchestrator.errors import CommandError, DataError
from orchestrator.planning.plan import Plan
from orchestrator.spec.compare import diff_values, kind_of
from orchestrator.spec.run import RunSpec
from orchestrator.training.checkpoint.manifest import Manifest


def require_same_experiment(manifest: Manifest, plan: Plan, accepted: Collection[str] = ()) -> None:
    """Raises CommandError naming every changed field that changes convergence and is not in `accepted`."""
    changed = diff_values(manifest.spec, plan.spec.model_dump(mode="json"))
    refused = [
        f"{change.path}: was {change.left!r}, now {change.right!r}"
        for change in changed
        if change.kind == "convergence" and not _covered(change.path, accepted)
    ]
    lengthened = [change for change in changed if change.kind == "length" and change.right is not None]
    before, now = manifest.schedule, schedule_facts(plan)
    shape_changed = before != now and not any(
        change.path.startswith(("training.schedule", "training.optimizer")) for change in changed
    )
    for change in lengthened:
        if shape_changed and not _covered(change.path, accepted):
            refused.append(
                f"{change.path}: was {change.left!r}, now {change.right!r}, and the {now['name']} schedule ends with the run"
                f" ({now['unit']} {before['decay_end']} -> {now['decay_end']}); with training.schedule.decay on the page"
                " the length would be free"
            )
        if plan.spec.data.order and not _covered(change.path, accepted):
            refused.append(
                f"{change.path}: was {change.left!r}, now {change.right!r}, and data.order {plan.spec.data.order} shuffles all"
                " samples anew for another length"
            )
    if plan.total_steps <= manifest.step:
        raise CommandError(f"the run is at step {manifest.step} of {plan.total_steps}: there is nothing left to train")
    if refused:
        names = " ".join(line.partition(":")[0] for line in refused)
        raise CommandError(
            f"this is not the experiment that step {manifest.step} was saved from:\n  "
            + "\n  ".join(refused)
            + f'\nTo continue with the change, say that it is meant: ACCEPT="{names}"; or start a new run'
        )


def require_same_data(found: str, expected: str) -> None:
    """Raises DataError when prepared data is not what the run was started on."""
    if found != expected:
        raise DataError(
            f"the prepared data has fingerprint {found[:12]}, and this run was started on {expected[:12]}: the mixture, its"
            " documents or the tokenizer changed. Continue with the data it was started on, or start a new run"
        )


def _covered(path: str, accepted: Collection[str]) -> bool:
    return any(path == name or path.startswith(f"{name}.") for name in accepted)


def schedule_facts(plan: Plan) -> dict[str, Any]:
    """What the learning rate of every step depends on."""
    schedule = plan.schedule
    names = ("name", "peak", "floor", "unit", "warmup", "decay_start", "decay_end")
    facts = {name: getattr(schedule, name) for name in names}
    if schedule.name in ("constant", "inverse_sqrt"):
        facts |= {"decay_start": 0, "decay_end": 0}
    return facts


def convergence_fingerprint(spec: RunSpec) -> str:
    """SHA-256 over every value that decides convergence."""
    values = spec.model_dump(mode="json")
    leaves = {change.path: change.left for change in diff_values(values, {}) if kind_of(change.path) == "convergence"}
    return hashlib.sha256(json.dumps(leaves, sort_keys=True).encode()).hexdigest()
