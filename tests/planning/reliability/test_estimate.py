"""From a plan to its reliability: what the page says, what it does not, and what a run goes on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.planning import Plan, make_plan
from orchestrator.planning.reliability import conditions_of, reliability_of, simulate
from orchestrator.planning.reliability.intervals import DAY, daly_ettr, young
from orchestrator.planning.reliability.sizes import node_counts, replicas
from orchestrator.spec import ClusterSpec, load_cluster, load_run

ROOT = Path(__file__).resolve().parents[3]


def planned(spec: str, hardware: str, *overrides: str, **cluster: Any) -> Plan:
    page = load_cluster(ROOT / f"cluster/{hardware}.yaml").spec
    said = ClusterSpec.model_validate(page.model_dump(exclude_unset=True) | cluster)
    return make_plan(load_run(ROOT / f"model_specs/{spec}.yaml", overrides).spec, said)


@pytest.fixture(scope="module")
def bloom() -> Plan:
    return planned("bloom/176b", "bloom-48xa100-80")


class TestReliabilityOfAPlan:
    def test_bloom_on_its_page(self, bloom: Plan) -> None:
        found = reliability_of(bloom)
        assert found.checkpoint_bytes == 12 * 176_247_271_424 == bloom.checkpoint_bytes
        assert found.save_s == pytest.approx(found.checkpoint_bytes / 57.5e9)
        assert found.mtbf_s / DAY == pytest.approx(7 / 1.5, rel=0.01)
        assert found.every_steps == 100
        assert found.young_s == young(found.save_s, found.mtbf_s)
        assert found.best_s == found.daly_s
        assert found.best_steps == round(found.best_s / bloom.time.step_s)
        assert found.ettr == daly_ettr(found.every_s, found.save_s, found.mtbf_s, found.restart_s)
        assert found.ettr < found.best_ettr < 1
        assert found.interruptions == pytest.approx(found.days * DAY / found.mtbf_s)

    def test_what_is_not_said_is_named_with_its_source(self, bloom: Plan) -> None:
        told = "\n".join(reliability_of(bloom).assumed)
        assert "detect 1m 00s, restart 10m 00s" in told
        assert "storage read at 1 GB/s per node" in told
        assert "failures_per_1000_node_days" not in told

    def test_a_page_that_says_nothing_fails_as_llama_3_did(self) -> None:
        plan = planned("llama/65b", "llama-2048xa100")
        found = reliability_of(plan)
        assert found.mtbf_s / DAY == pytest.approx(2048 / 256 * 54 / 419)
        assert any("Llama 3 405B, arXiv:2407.21783" in line for line in found.assumed)

    def test_what_never_fails_needs_one_checkpoint(self) -> None:
        found = reliability_of(planned("llama/7b", "one-node-h100", reliability={"failures_per_1000_node_days": 0}))
        assert found.interruptions == 0
        assert found.best_s == planned("llama/7b", "one-node-h100").time.total_s

    def test_the_closed_form_is_what_the_simulation_means(self, bloom: Plan) -> None:
        """Validation aside, which only the simulation knows."""
        found = simulate(conditions_of(bloom), 30)
        told = found.ettr.mean + found.lost()["evaluation"] + found.lost()["waiting for nodes"]
        assert told == pytest.approx(reliability_of(bloom).ettr, abs=0.002)


class TestConditions:
    def test_other_device_counts_scale_ideally(self, bloom: Plan) -> None:
        same, double = conditions_of(bloom, 384), conditions_of(bloom, 768)
        assert (same.nodes, double.nodes) == (48, 96)
        assert double.work_s == same.work_s / 2
        assert (same.recovery.spares, double.recovery.spares) == (4, 8)
        assert double.per_1000_node_days == same.per_1000_node_days

    def test_spare_nodes_that_are_not_said_suffice(self) -> None:
        plan = planned("llama/65b", "llama-2048xa100")
        assert conditions_of(plan).recovery.spares == 4
        assert conditions_of(planned("llama/65b", "llama-2048xa100", reliability={"spare_nodes": 0})).recovery.spares == 0

    def test_everything_a_page_can_say_arrives(self) -> None:
        said = {
            "failures_per_1000_node_days": 5.0, "switch_failures_per_1000_switch_days": 3.2, "nodes_per_switch": 32,
            "stragglers_per_1000_node_days": 0.5, "straggler_slowdown": 0.05, "straggler_found": "2h", "spare_nodes": 9,
            "fetch": "5m", "detect": "30s", "restart": "3m", "repair": "2d",
        }  # fmt: skip
        storage = {"node_write_bandwidth": "2GB", "read_bandwidth": "100GB"}
        plan = planned("llama/65b", "llama-2048xa100", reliability=said, storage=storage)
        found = conditions_of(plan)
        assert found.per_1000_node_days == pytest.approx(5.0 + 0.1)
        assert {hazard.detect_s for hazard in found.hazards} == {30}
        assert found.hazards[-1].takes == 32
        assert found.stragglers is not None
        assert (found.stragglers.found_s, found.recovery.fetch_s, found.recovery.repair_s) == (7200, 300, 2 * DAY)
        assert found.save.stall_s == pytest.approx(plan.checkpoint_bytes / (256 * 2e9))
        assert found.recovery.restart_s == pytest.approx(180 + plan.checkpoint_bytes / 100e9)
        assert not [line for line in reliability_of(plan).assumed if "storage" not in line]


class TestSizes:
    def test_a_layout_that_is_said_does_not_shrink(self, bloom: Plan) -> None:
        assert replicas(bloom) == ()

    def test_data_left_open_shrinks_to_what_divides_the_batch(self) -> None:
        plan = planned("bloom/176b", "bloom-48xa100-80", "parallelism.data=auto")
        assert replicas(plan) == (1, 2, 4)
        assert node_counts(plan, plan.nodes) == (6, 12, 24)
        assert node_counts(plan, 96) == (12, 24, 48)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"reliability": {"nodes_per_switch": 8}}, "switch_failures_per_1000_switch_days is missing"),
        ({"reliability": {"straggler_slowdown": 0.1, "straggler_found": "1h"}}, "stragglers_per_1000_node_days is missing"),
        ({"reliability": {"straggler_slowdown": 1.0}}, "less than 1"),
        ({"reliability": {"failures": 3}}, "Extra inputs"),
        ({"reliability": {"detect": "soon"}}, "expected a duration"),
        ({"storage": {"write_bandwidth": 0}}, "greater than 0"),
    ],
)
def test_a_page_is_held_to_sense(section: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ClusterSpec.model_validate({"nodes": 1, **section})
