"""Files of published runs: what is wrong with one is said with its line, column and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import PageError
from orchestrator.planning.published import read_runs
from orchestrator.planning.published.cells import COLUMNS, read_cells

SHIPPED = Path(__file__).parents[3] / "benchmarks/planner"
GOOD = {
    "id": "one", "paper": "P", "model": "GPT", "params_B": "1.3", "layers": "24", "hidden": "2048", "heads": "16", "vocab": "50257",
    "seq": "2048", "global_batch_seqs": "512", "micro_batch": "4", "gpu_type": "A100-80GB-SXM", "n_gpus": "8", "precision": "bf16",
    "step_time_s": "10",
}  # fmt: skip
VTRAIN = "# GPUs,global batch,micro batch,hidden size,attention heads,# layers,sequence length,tensor parallelism,data parallelism,pipeline parallelism,iteration time (ms)"


def written(path: Path, *rows: dict[str, str]) -> Path:
    lines = [",".join(COLUMNS), *(",".join({**dict.fromkeys(COLUMNS, ""), **row}[name] for name in COLUMNS) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_files_that_ship_are_read_whole() -> None:
    runs, unusable = read_runs(SHIPPED / "published_runs.csv")
    assert len(runs) + len(unusable) == 733
    assert all(row.reason for row in unusable)
    runs, unusable = read_runs(SHIPPED / "vtrain_single_node.csv")
    assert (len(runs), unusable) == (975, [])


def test_a_row_is_a_run(tmp_path: Path) -> None:
    (run,), _ = read_runs(written(tmp_path / "a.csv", GOOD))
    assert (run.id, run.step_s, run.work.layout.data, run.work.tokens) == ("one", 10.0, 8, 512 * 2048)
    assert run.hardware.device.name == "A100-80GB"


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("layers", "24.5", "'24.5' is not a whole number above 0"),
        ("n_gpus", "eight", "'eight' is not a whole number above 0"),
        ("step_time_s", "-3", "'-3' is not a number above 0"),
        ("peak_mem_GB", "nan", "'nan' is not a number above 0"),
        ("tp", "0", "'0' is not a whole number above 0"),
    ],
)
def test_a_bad_cell_is_said_with_its_line(tmp_path: Path, column: str, value: str, words: str) -> None:
    file = written(tmp_path / "a.csv", GOOD, {**GOOD, column: value})
    with pytest.raises(PageError) as error:
        read_runs(file)
    assert str(error.value).startswith(f"{file}:3:1: {column}: {words}")


def test_a_row_of_too_few_or_too_many_cells(tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", GOOD)
    file.write_text(file.read_text() + "short,row\n" + "," * 40 + "\n")
    with pytest.raises(PageError) as error:
        read_runs(file)
    assert f"{file}:3:1: 2 cells under 34 columns" in str(error.value)
    assert f"{file}:4:1: 41 cells under 34 columns" in str(error.value)


def test_many_problems_are_counted_not_listed(tmp_path: Path) -> None:
    with pytest.raises(PageError) as error:
        read_runs(written(tmp_path / "a.csv", *[{**GOOD, "seq": "x"}] * 30))
    assert len(error.value.problems) == 11
    assert "20 problems more" in str(error.value)


def test_a_header_that_is_nearly_vtrains_is_told_what_it_lacks_of_that(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(VTRAIN.replace("hidden size,", "") + "\n")
    with pytest.raises(PageError, match="the header lacks hidden size;"):
        read_runs(file)


def test_vtrains_own_table_has_no_empty_cells(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"{VTRAIN}\n2,16,8,1024,16,24,1024,1,1,2,\n")
    with pytest.raises(PageError, match=r"a\.csv:2:1: iteration time \(ms\): '' is not a number"):
        read_runs(file)


def test_vtrains_milliseconds_are_seconds(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"\ufeff{VTRAIN}\n2,16,8,1024,16,24,1024,1,1,2,372.16\n", "utf-8")
    assert float(read_cells(file)[0]["step_time_s"]) == pytest.approx(0.37216)


@pytest.mark.parametrize("name", ["missing.csv", ""])
def test_what_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(PageError, match="cannot be read"):
        read_runs(tmp_path / name)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"tp": "16"}, "tp x pp x cp = 16 does not divide 8 devices"),
        ({"n_gpus": ""}, "tp x pp x cp = 1 does not divide 0 devices"),
        ({"heads": ""}, "no heads"),
        ({"global_batch_seqs": ""}, "no global batch"),
        ({"gpu_type": "TPUv3"}, "a device that is not planned for"),
        ({"gpu_type": "Abacus"}, "unknown device 'Abacus'"),
        ({"zero_stage": "3+cpu_offload"}, "offload to host memory"),
        ({"zero_stage": "FSDP"}, "zero_stage 'FSDP' starts with none of 0, 1, 2 and 3"),
    ],
)
def test_a_row_that_cannot_be_used_is_kept_with_the_reason(tmp_path: Path, change: dict[str, str], reason: str) -> None:
    runs, (left_out,) = read_runs(written(tmp_path / "a.csv", {**GOOD, **change}))
    assert (runs, left_out.id, left_out.reason) == ([], "one", reason)


def test_running_out_of_memory_and_coming_close_to_it(tmp_path: Path) -> None:
    failed = {**GOOD, "step_time_s": "", "notes": "OOM"}
    (gone, close), _ = read_runs(written(tmp_path / "a.csv", failed, {**GOOD, "notes": "borderline OOM"}))
    assert (gone.out_of_memory, gone.step_s) == (True, None)
    assert (close.out_of_memory, close.step_s) == (False, 10.0)


def test_a_batch_that_is_split_into_as_many_as_there_are_stages(tmp_path: Path) -> None:
    """torchtitan's 405B: 32 sequences a replica in 8 micro-batches of 4."""
    row = {**GOOD, "micro_batch": "", "n_gpus": "16", "pp": "8", "global_batch_seqs": "64", "notes": "local batch 32 (split into pp microbatches)"}
    (run,), _ = read_runs(written(tmp_path / "a.csv", row))
    assert (run.work.layout.micro_batch, run.work.micro_batches) == (4, 8)


def test_interleaved_stages_are_two_where_nobody_says_how_many(tmp_path: Path) -> None:
    row = {**GOOD, "n_gpus": "16", "pp": "8"}
    runs, _ = read_runs(written(tmp_path / "a.csv", row, {**row, "notes": "Interleaved 1F1B"}, {**row, "notes": "interleaved", "vpp": "3"}))
    assert [run.work.layout.virtual for run in runs] == [1, 2, 3]


def test_four_bits_wait_for_a_data_sheet(tmp_path: Path) -> None:
    runs, (left_out,) = read_runs(written(tmp_path / "a.csv", {**GOOD, "gpu_type": "B200-192GB", "precision": "NVFP4"}))
    assert (runs, left_out.reason) == ([], "a precision of four bits, whose peak no data sheet here has")


def test_releases_of_one_recipe_share_a_cluster(tmp_path: Path) -> None:
    papers = ["Megatron-Bridge 26.04", "Megatron-Bridge 26.04.01", "Paper 2022"]
    runs, _ = read_runs(written(tmp_path / "a.csv", *({**GOOD, "paper": paper} for paper in papers)))
    assert [run.cluster for run in runs] == ["Megatron-Bridge | A100-80GB-SXM"] * 2 + ["Paper 2022 | A100-80GB-SXM"]
    assert [run.source for run in runs] == papers
