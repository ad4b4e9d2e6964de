"""Every page that ships is good: it loads, plans, completes in editors, and says where it comes from."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from data_pipeline.mixture import load_mixture
from orchestrator.pages import parse_page, read_page_tree
from orchestrator.planning.hardware import hardware_of
from orchestrator.planning.rules import check_page
from orchestrator.spec import load_cluster, load_run
from orchestrator.spec.load import run_spec_type
from orchestrator.spec.schema import cluster_schema, run_schema

ROOT = Path(__file__).resolve().parents[2]
RUNS = sorted(path for path in (ROOT / "model_specs").rglob("*.yaml"))
CLUSTERS = sorted((ROOT / "cluster").glob("*.yaml"))
SCHEMAS = {"run": ROOT / "model_specs/run.schema.json", "cluster": ROOT / "cluster/cluster.schema.json"}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def plain(value: Any) -> Any:
    """A page's values as JSON has them."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, tuple) else value


@pytest.mark.parametrize("page", RUNS, ids=named)
def test_a_run_page_is_good(page: Path) -> None:
    spec = load_run(page).spec
    check_page(spec)
    load_mixture(spec.data.mixture)
    assert spec.system


@pytest.mark.parametrize("page", CLUSTERS, ids=named)
def test_a_cluster_page_is_good(page: Path) -> None:
    assert load_cluster(page).name == page.stem


@pytest.mark.parametrize("page", CLUSTERS, ids=named)
def test_the_hardware_of_a_cluster_page_is_known_and_has_a_source(page: Path) -> None:
    """Every number is in a comment with where it comes from; a price is one of them."""
    spec, text = load_cluster(page).spec, page.read_text("utf-8")
    if spec.node.accelerator in ("local", "cpu"):
        return
    hardware = hardware_of(spec)
    assert hardware.per_node == spec.node.count
    comments = " ".join(line.removeprefix("# ") for line in text.splitlines()[1:] if line.startswith("#"))
    assert re.search(r"arXiv:|data sheet|IDRIS|AWS", comments)
    assert spec.network or spec.nodes == 1
    assert spec.price_per_device_hour is None or f"${spec.price_per_device_hour:.2f} per device" in comments


def test_the_clusters_that_published_runs_were_on_are_all_there() -> None:
    """Names are a contract: scripts and readers use them."""
    shipped = {page.stem for page in CLUSTERS}
    assert shipped >= {
        "laptop", "laptop-3-nodes", "one-node-h100", "one-node-h200", "bloom-48xa100-80", "neox-12xa100-40", "llama-2048xa100",
        "selene-384xa100-80", "jean-zay-261xv100-32", "llama3-2048xh100", "dgx-gb200-nvl72", "cloud-4xa100-40",
    }  # fmt: skip


def test_an_nvl72_joins_72_devices_of_18_trays() -> None:
    hardware = hardware_of(load_cluster(ROOT / "cluster/dgx-gb200-nvl72.yaml").spec)
    assert (hardware.per_node, hardware.domain, hardware.link_bandwidth) == (4, 72, 900e9)


@pytest.mark.parametrize("page", RUNS, ids=named)
def test_a_published_size_says_its_source(page: Path) -> None:
    spec = load_run(page).spec
    assert (spec.published is None) == (page.stem == "nano")
    assert spec.paper is not None


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_committed_schema_is_up_to_date(kind: str) -> None:
    """When this fails: `python -m orchestrator.cli schema`, and commit what it writes."""
    made = run_schema() if kind == "run" else cluster_schema()
    assert json.loads(SCHEMAS[kind].read_text("utf-8")) == made
    jsonschema.Draft202012Validator.check_schema(made)


@pytest.mark.parametrize("page", [*RUNS, *CLUSTERS], ids=named)
def test_a_page_names_the_schema_that_it_obeys(page: Path) -> None:
    first = page.read_text("utf-8").splitlines()[0]
    comment, _, relative = first.partition("$schema=")
    assert comment == "# yaml-language-server: "
    schema = (page.parent / relative).resolve()
    assert schema == SCHEMAS["run" if page in RUNS else "cluster"]
    jsonschema.validate(plain(read_page_tree(page).data), json.loads(schema.read_text("utf-8")))


BROKEN = {
    "unknown section": {"trainig": {}},
    "unknown family": {"model": {"family": "lama"}},
    "unknown key": {"data": {"mixture": "python", "sequence_lenght": 4}},
    "unknown schedule": {"training": {"schedule": {"name": "cosin"}}},
    "unknown optimizer": {"training": {"optimizer": {"name": "adam", "lr": 1e-3}}},
    "quoted number": {"training": {"optimizer": {"name": "adamw", "lr": "1e-3"}}},
    "quoted word for a truth": {"model": {"tie_embeddings": "yes"}},
    "negative layers": {"model": {"layers": -1}},
    "ZeRO 4": {"parallelism": {"zero": 4}},
    "a word that is not auto": {"parallelism": "automatic"},
    "half a batch": {"training": {"batch": {"sequences": 0.5}}},
    "no batch": {"training": {"batch": None}},
}


@pytest.mark.parametrize("case", BROKEN)
def test_the_schema_underlines_what_the_reader_refuses(case: str) -> None:
    page = plain(read_page_tree(ROOT / "model_specs/llama/nano.yaml").data)
    for section, change in BROKEN[case].items():
        page[section] = {**page[section], **change} if isinstance(change, dict) and section in page and section != "parallelism" else change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(page, json.loads(SCHEMAS["run"].read_text("utf-8")))


@pytest.mark.parametrize("page", RUNS, ids=named)
def test_a_resolved_page_is_a_page_and_says_the_same(page: Path) -> None:
    loaded = load_run(page, "training.seed=7")
    again = parse_page(loaded.resolved, "resolved.yaml")
    assert run_spec_type(again).model_validate(again.data) == loaded.spec
    lines = {line.split(":")[0].strip(): line for line in loaded.resolved.splitlines()}
    assert lines["seed"].endswith("# SET training.seed=7")
    assert lines["z_loss"].endswith("# default")
    assert lines["layers"].endswith(f"# {page}:{loaded.page.values[('model', 'layers')].line}")
