"""A run's folder: made once, found by its name, and not taken for a run when its start was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import cli
from orchestrator.errors import CommandError
from orchestrator.spec import LoadedCluster, LoadedRun, load_cluster, load_run
from orchestrator.training import create
from orchestrator.training.create import create_run, find_run, require_free, write_execution
from orchestrator.training.rundir import RunDir


@pytest.fixture(scope="module")
def pages() -> tuple[LoadedRun, LoadedCluster]:
    root = Path(__file__).parents[2]
    return load_run(root / "model_specs/llama/nano.yaml"), load_cluster(root / "cluster/laptop.yaml")


def begin(runs: Path, pages: tuple[LoadedRun, LoadedCluster]) -> RunDir:
    run = create_run(runs, "one", *pages)
    write_execution(run, data=runs, overrides=(), until=None, accepted=())
    return run


def test_a_run_is_found_and_its_name_is_taken(tmp_path: Path, pages: tuple[LoadedRun, LoadedCluster]) -> None:
    run = begin(tmp_path, pages)
    assert find_run(tmp_path, "one") == run
    with pytest.raises(CommandError, match="continue it with `make resume RUN=one`"):
        begin(tmp_path, pages)


@pytest.mark.parametrize("written", [0, 1, 2, 3])
def test_a_start_that_was_killed_is_no_run_and_is_told_as_what_it_is(
    tmp_path: Path, pages: tuple[LoadedRun, LoadedCluster], written: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make resume` read execution.json, which was not there yet; `make train` said that the run exists and can be resumed."""
    write, left = create.write_file, written

    def killed(path: Path, text: str) -> None:
        nonlocal left
        if not left:
            path.with_name(f"{path.name}.1-2.partial").write_text(text[:9])
            raise KeyboardInterrupt
        left -= 1
        write(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(create, "write_file", killed)
        with pytest.raises(KeyboardInterrupt):
            begin(tmp_path, pages)
    assert cli.main(["resume", "--run", "one", "--runs", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert f"{tmp_path / 'one'} was left by a start that was killed" in told
    assert "fix: remove that folder and start the run again" in told
    with pytest.raises(CommandError, match="was left by a start that was killed"):
        require_free(tmp_path, "one")
    with pytest.raises(CommandError, match="holds: no run"):
        find_run(tmp_path, None)


def test_a_folder_with_anything_else_is_not_said_to_be_removable(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "notes.txt").touch()
    with pytest.raises(CommandError, match="exists"):
        require_free(tmp_path, "one")
    with pytest.raises(CommandError, match="holds no run 'one'"):
        find_run(tmp_path, "one")
