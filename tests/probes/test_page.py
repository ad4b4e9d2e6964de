"""A page keeps every word that is not its calibration; what cannot be written is said, and nothing is half-written."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import CommandError
from orchestrator.probes.page import section, with_calibration, write_calibration
from orchestrator.spec import load_cluster

PAGE = """# yaml-language-server: $schema=cluster.schema.json
# A cluster of mine.
nodes: 2   # two of them

node: {accelerator: H100, count: 8}
price_per_device_hour: 2.5
"""
SAID = {
    "matmul_efficiency": 0.71, "framework_bytes": "1800MB", "host": {"megatron": {"step_us": 10, "pass_us": 20, "block_us": 30}},
    "source": 'measured 2030-01-31 on 16 x "H100": torch 2.13',
}  # fmt: skip


def test_a_page_without_calibration_gets_it_at_its_end(tmp_path: Path) -> None:
    page = tmp_path / "mine.yaml"
    page.write_text(PAGE)
    write_calibration(page, SAID)
    assert page.read_text().startswith(PAGE)
    said = load_cluster(page).spec.calibration
    assert (said.matmul_efficiency, said.framework_bytes, said.source) == (0.71, 1_800_000_000, SAID["source"])
    assert said.host is not None
    assert said.host["megatron"].block_us == 30


@pytest.mark.parametrize(
    "old",
    [
        "calibration:\n  overlap: 0.5   # guessed\n\n  source: a guess\n",
        "calibration: {overlap: 0.5, source: a guess}\n",
        "calibration: {\n  overlap: 0.5,\n}\n",
        "calibration:\n",
    ],
)
def test_the_section_is_replaced_where_it_stands(old: str) -> None:
    before, after = "nodes: 1\n# before\n", "\n# after: the node\nnode: {accelerator: H100, count: 8}\n"
    changed = with_calibration(before + old + after, {"overlap": 0.9})
    assert changed == before + "calibration:\n  overlap: 0.9\n" + after


def test_writing_twice_is_writing_once() -> None:
    once = with_calibration(PAGE, SAID)
    assert with_calibration(once, SAID) == once


def test_line_ends_and_a_missing_last_one() -> None:
    assert with_calibration("nodes: 1\r\nnode: {accelerator: H100}", {"overlap": 1.0}) == (
        "nodes: 1\r\nnode: {accelerator: H100}\r\ncalibration:\r\n  overlap: 1.0\r\n"
    )


def test_out_leaves_the_page_alone_and_a_link_stays_one(tmp_path: Path) -> None:
    page, link, out = tmp_path / "mine.yaml", tmp_path / "link.yaml", tmp_path / "out.yaml"
    page.write_text(PAGE)
    page.chmod(0o640)
    link.symlink_to(page)
    write_calibration(page, SAID, out)
    assert page.read_text() == PAGE
    assert load_cluster(out).spec.calibration.matmul_efficiency == 0.71
    write_calibration(link, SAID)
    assert link.is_symlink()
    assert page.stat().st_mode & 0o777 == 0o640
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link.yaml", "mine.yaml", "out.yaml"]


@pytest.mark.parametrize("text", ["{nodes: 1, node: {accelerator: H100, count: 8}}\n", "? calibration\n: {overlap: 0.5}\n? nodes\n: 1\n"])
def test_a_page_of_another_shape_is_left_alone(tmp_path: Path, text: str) -> None:
    page = tmp_path / "mine.yaml"
    page.write_text(text)
    with pytest.raises(CommandError, match=r"(?s)nothing was written.*overlap: 0.9"):
        write_calibration(page, {"overlap": 0.9})
    assert page.read_text() == text


def test_numbers_that_the_page_refuses_are_not_written(tmp_path: Path) -> None:
    page = tmp_path / "mine.yaml"
    page.write_text(PAGE)
    with pytest.raises(CommandError):
        write_calibration(page, {"matmul_efficiency": 1.7})
    assert page.read_text() == PAGE


def test_a_section_reads_as_a_person_would_write_it() -> None:
    assert section(SAID)[1:5] == ["  matmul_efficiency: 0.71", "  framework_bytes: 1800MB", "  host:", "    megatron: {step_us: 10, pass_us: 20, block_us: 30}"]
