"""Two pages -> a plan on this machine, with nothing imported that only a run needs: `make plan` answers at once."""

from __future__ import annotations

from orchestrator.errors import PageError, PlanError
from orchestrator.launch.ground import devices_said, ground
from orchestrator.launch.machine import this_machine
from orchestrator.planning import Plan, make_plan
from orchestrator.planning.data import lengths_of, mixture_of
from orchestrator.spec import ClusterSpec, LoadedCluster, LoadedRun
from orchestrator.spec.load import placed


def ground_for(loaded: LoadedRun, hardware: LoadedCluster, address: str | None = None) -> ClusterSpec:
    """The cluster page on this machine. A private Ray is started for the run, so with as many CPU workers as its
    page says; a cluster that stands at `address` has what it was started with."""
    wants = devices_said(loaded.spec) if address is None else 1
    return ground(hardware.spec, this_machine(), wants=wants)


def plan_for(loaded: LoadedRun, grounded: ClusterSpec, hardware: LoadedCluster) -> Plan:
    """make_plan on the mixture's schedule, its complaints given file and line."""
    lengths = lengths_of(mixture_of(loaded).schedule, loaded.spec)
    try:
        return make_plan(loaded.spec, grounded, lengths=lengths)
    except (PageError, PlanError) as error:
        raise placed(error, loaded.page, hardware.page) from None
