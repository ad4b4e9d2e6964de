"""The planner's judge: figures on runs whose answers are known, and the command on small files."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats

from benchmarks.planner.__main__ import SHIPPED, main
from benchmarks.planner.estimates import MOST_ROWS, Estimate, Judged, judge
from benchmarks.planner.peers import question
from benchmarks.planner.report import render
from benchmarks.planner.score import errors, ranking, spearman
from benchmarks.planner.verdict import verdict_of
from orchestrator.planning.published import Run, read_runs

RUNS, _ = read_runs(SHIPPED[0])
MULTI = [run for run in RUNS if "vTrain" in run.source]


def group(*times: float | None) -> list[Run]:
    """Layouts of one model on as many devices, measured in so many seconds; None: it ran out of memory."""
    model = MULTI[0]
    return [replace(model, id=f"r{i}", step_s=time, peak_bytes=None, out_of_memory=time is None) for i, time in enumerate(times)]


def said(*times: float, fit: bool = True) -> list[Estimate]:
    return [Estimate(step_s=time, fits=fit) for time in times]


class TestFigures:
    def test_errors_are_relative_to_what_was_measured(self) -> None:
        pairs = list(zip(group(10.0, 10.0, 10.0), said(11.0, 8.0, 10.0), strict=True))
        found = errors(pairs, lambda run: run.step_s, lambda estimate: estimate.step_s)
        assert found is not None
        assert (found.n, found.worst_id) == (3, "r1")
        assert found.mape == pytest.approx(0.1)
        assert found.median == pytest.approx(0.1)
        assert found.bias == pytest.approx(-1 / 30)
        assert found.worst == pytest.approx(-0.2)

    def test_a_planner_that_says_nothing_has_no_errors(self) -> None:
        pairs = [(run, Estimate()) for run in group(1.0)]
        assert errors(pairs, lambda run: run.step_s, lambda estimate: estimate.step_s) is None

    @pytest.mark.parametrize(
        ("left", "right"),
        [([1, 2, 3, 4], [1, 2, 3, 4]), ([1, 2, 3, 4], [4, 3, 2, 1]), ([3, 1, 4, 1.5, 9], [2, 7, 1, 8, 3]), ([1, 1, 2, 3], [5, 6, 6, 7])],
    )
    def test_rank_correlation_is_scipys(self, left: list[float], right: list[float]) -> None:
        assert spearman(left, right) == pytest.approx(stats.spearmanr(left, right).statistic)

    def test_equal_guesses_rank_nothing(self) -> None:
        assert spearman([1, 1, 1], [1, 2, 3]) == 0.0

    def test_regret_is_what_the_chosen_layout_costs(self) -> None:
        """Second is chosen and takes 12 s where the best takes 10."""
        found = ranking(list(zip(group(10.0, 12.0, 20.0), said(5.0, 4.0, 6.0), strict=True)))
        assert (found.regret, found.regret_groups, found.spearman_groups) == (pytest.approx(0.2), 1, 1)

    def test_ties_cost_their_mean(self) -> None:
        assert ranking(list(zip(group(10.0, 12.0), said(4.0, 4.0), strict=True))).regret == pytest.approx(0.1)

    def test_what_is_said_not_to_fit_is_not_chosen(self) -> None:
        pairs = list(zip(group(10.0, 12.0), said(5.0) + said(4.0, fit=False), strict=True))
        assert ranking(pairs).regret == 0.0

    def test_choosing_what_ran_out_of_memory_is_named(self) -> None:
        found = ranking(list(zip(group(10.0, None, 11.0), said(5.0, 4.0, 6.0), strict=True)))
        assert (found.regret, found.failed) == (None, ("r1",))

    def test_models_of_other_device_counts_are_not_compared(self) -> None:
        runs = group(10.0, 12.0)
        wider = replace(runs[1].work, layout=replace(runs[1].work.layout, data=2 * runs[1].work.layout.data))
        assert ranking(list(zip([runs[0], replace(runs[1], work=wider)], said(1.0, 2.0), strict=True))).regret_groups == 0

    def test_false_fits_and_false_misfits(self) -> None:
        runs = group(1.0, None, 1.0, None, 1.0)
        runs[4] = replace(runs[4], row={**runs[4].row, "recompute": ""})
        estimates = tuple(said(1.0, 1.0) + said(1.0, 1.0, 1.0, fit=False))
        fitting = verdict_of(Judged(runs=tuple(runs), constants={}, estimates={"planner": estimates})).fitting
        assert (fitting.false_fits, fitting.false_misfits, fitting.untold) == (("r1",), ("r2",), ("r4",))
        assert fitting.out_of_memory == ("r1", "r3")


class TestJudging:
    def test_fitted_rows_are_few_and_not_scored(self) -> None:
        judged = judge(MULTI, MULTI)
        fitted = {run.id for constants in judged.constants.values() for run in constants.fitted}
        assert 1 <= len(fitted) <= MOST_ROWS
        assert fitted | {run.id for run in judged.runs} == {run.id for run in MULTI}
        assert not fitted & {run.id for run in judged.runs}

    def test_no_constant_does_better_than_the_best(self) -> None:
        judged = judge(MULTI, MULTI)
        figures = verdict_of(judged).sets["all"]
        best, fitted = figures["best constant"].time, figures["constant"].time
        assert best is not None
        assert fitted is not None
        assert best.mape <= fitted.mape
        for factor in (0.98, 1.02):
            scaled = [replace(estimate, step_s=(estimate.step_s or 0) * factor) for estimate in judged.estimates["best constant"]]
            other = errors(list(zip(judged.runs, scaled, strict=True)), lambda run: run.step_s, lambda estimate: estimate.step_s)
            assert other is not None
            assert best.mape <= other.mape

    def test_rows_of_a_known_cluster_use_its_constants(self) -> None:
        """A copy of shipped rows under other ids: those that were fitted are known again and left out."""
        copies = [replace(run, id=f"copy_{run.id}", row={**run.row, "id": f"copy_{run.id}"}) for run in MULTI]
        judged = judge(copies, MULTI)
        fitted = next(iter(judged.constants.values()))
        assert fitted.known
        assert all(not run.id.startswith("copy_") for run in fitted.fitted)
        assert len(judged.runs) == len(MULTI) - len(fitted.fitted)

    def test_a_target_compares_on_the_rows_that_both_express(self) -> None:
        judged = judge(MULTI, MULTI)
        perfect = tuple(Estimate(step_s=run.step_s) if i == 0 else Estimate() for i, run in enumerate(judged.runs))
        judged.estimates["oracle"] = perfect
        reached = next(one for one in verdict_of(judged).targets if one.target.name == "vTrain, several nodes")
        assert reached.others["oracle"] == 0.0
        assert "oracle" in reached.beaten_by
        assert reached.n == len(judged.runs)

    def test_every_row_can_be_asked_of_a_peer(self) -> None:
        for run in RUNS:
            json.dumps(question(run))


def test_the_best_constant_is_the_best_for_memory_too() -> None:
    bloom = [run for run in RUNS if "layout tuning" in run.source]
    figures = verdict_of(judge(bloom, bloom)).sets["all"]
    best, fitted = figures["best constant"].memory, figures["constant"].memory
    assert best is not None
    assert fitted is not None
    assert best.mape <= fitted.mape


class TestCommand:
    def rows(self, path: Path, *keep: str) -> Path:
        with SHIPPED[0].open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            chosen = [row for row in reader if row["id"].startswith(keep)]
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, reader.fieldnames or [])
            writer.writeheader()
            writer.writerows(chosen)
        return path

    def test_rows_of_ones_own(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = self.rows(tmp_path / "mine.csv", "sc21_t1", "palmtab")
        assert main(["--rows", str(file)]) == 0
        text = capsys.readouterr().out
        assert "SC21, Table 1" in text
        assert "of those that ship" in text
        assert "a device that is not planned for: palmtab_Gopher" in text

    def test_both_headers_at_once_as_data(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        own = tmp_path / "vtrain.csv"
        own.write_text("\n".join(SHIPPED[1].read_text("utf-8").splitlines()[:40]), "utf-8")
        assert main(["--rows", str(self.rows(tmp_path / "a.csv", "vtrain_multi")), str(own), "--json"]) == 0
        data = json.loads(capsys.readouterr().out)
        assert {row["cluster"].split(" | ")[0] for row in data["rows"]} == {
            "vTrain (MICRO24) multi-node ground truth", "vTrain (MICRO24) single-node ground truth",
        }  # fmt: skip
        assert all(len(fitted["rows"]) <= MOST_ROWS for fitted in data["fitted"].values())

    def test_rows_of_two_files_that_bear_one_name(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Both are judged; a fit to the first five is not taken for one to ten."""
        lines = SHIPPED[1].read_text("utf-8").splitlines()
        for name, first in (("a.csv", 1), ("b.csv", 200)):
            (tmp_path / name).write_text("\n".join([lines[0], *lines[first : first + 20]]), "utf-8")
        assert main(["--rows", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--json"]) == 0
        ids = [row["id"] for row in json.loads(capsys.readouterr().out)["rows"]]
        assert len(ids) == len(set(ids)) >= 35
        assert "vtrain_single_12#2" in ids

    def test_missing_a_target_fails_only_when_strict(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = self.rows(tmp_path / "mine.csv", "vtrain_multi")
        monkeypatch.setattr("benchmarks.planner.estimates._estimate", lambda run, calibration: Estimate(step_s=1e9))
        assert main(["--rows", str(file)]) == 0
        assert main(["--rows", str(file), "--strict"]) == 1

    def test_a_file_that_is_none_of_ours(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "x.csv"
        file.write_text("a,b\n1,2\n")
        assert main(["--rows", str(file)]) == 2
        assert f"{file}:1:1: the header lacks" in capsys.readouterr().err

    def test_an_empty_set_is_said_to_be_empty(self) -> None:
        text = render(verdict_of(judge([], MULTI)), judge([], MULTI), [], everything=True)
        assert "no rows" in text
