"""Each start of a gang is held to the nodes of that moment; where they have no room it waits, and says so once."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.launch import inventory
from orchestrator.launch.inventory import Inventory, Node
from orchestrator.launch.placement import Request
from orchestrator.training.rundir import RunDir, read_lines

pytestmark = pytest.mark.filterwarnings("ignore")

PAIRS = Request(workers=4, each={"device": 1}, together=2)


def nodes(*free: int) -> Inventory:
    found = [Node(name=f"n{index}", id=f"id-{index}", total={"device": 3}, free={"device": room}) for index, room in enumerate(free)]
    return Inventory(nodes=tuple(found))


def test_the_second_start_looks_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from orchestrator.launch import pins

    monkeypatch.setattr(pins, "LOOK_AGAIN_S", 0.0)
    asked = pins.Pins(request=PAIRS, run=RunDir(tmp_path))
    monkeypatch.setattr(inventory, "of_ray", lambda: nodes(3, 2))
    assert [selector[pins.NODE_ID] for selector in asked.label_selectors()] == ["id-0", "id-0", "id-1", "id-1"]
    moments = iter([nodes(0, 3), nodes(0, 3, 3)])
    monkeypatch.setattr(inventory, "of_ray", lambda: next(moments))
    assert [selector[pins.NODE_ID] for selector in asked.label_selectors()] == ["id-1", "id-1", "id-2", "id-2"]
    assert list(read_lines(tmp_path / "events.jsonl")) == []


def test_no_room_that_lasts_is_written_down_once_and_left_to_ray_train_to_try_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from orchestrator.launch import pins

    for name, seconds in (("LOOK_AGAIN_S", 0.01), ("PATIENCE_S", 0.02), ("WAIT_S", 0.2)):
        monkeypatch.setattr(pins, name, seconds)
    monkeypatch.setattr(inventory, "of_ray", lambda: nodes(3, 1))
    with pytest.raises(pins.WorkerGroupStartupTimeoutError):
        pins.Pins(request=PAIRS, run=RunDir(tmp_path)).label_selectors()
    [waiting] = read_lines(tmp_path / "events.jsonl")
    assert waiting["event"] == "waiting"
    assert "every 2 consecutive ranks on one node" in waiting["reason"]
