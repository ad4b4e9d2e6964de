"""A CSV of published runs as checked rows of text: every bad header or cell is reported with its file and line.

Two headers are known: that of `benchmarks/planner/published_runs.csv`, and that of the vTrain project's own table (one
row per run of Megatron-DeepSpeed on a single node; https://github.com/VIA-Research/vTrain).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator.errors import PageError, Problem

COLUMNS = (
    "id", "paper", "model", "params_B", "layers", "hidden", "heads", "kv_heads", "ffn", "vocab", "seq", "global_batch_seqs",
    "micro_batch", "gpu_type", "n_gpus", "tp", "pp", "vpp", "dp", "ep", "cp", "zero_stage", "recompute", "precision",
    "interconnect", "achieved_tflops_per_gpu", "mfu_pct", "tokens_per_s_per_gpu", "step_time_s", "peak_mem_GB", "source",
    "verified", "flops_convention", "notes",
)  # fmt: skip
WHOLE = (
    "layers", "hidden", "heads", "kv_heads", "ffn", "vocab", "seq", "global_batch_seqs", "micro_batch", "n_gpus", "tp", "pp",
    "vpp", "dp", "ep", "cp",
)  # fmt: skip
REAL = ("params_B", "achieved_tflops_per_gpu", "mfu_pct", "tokens_per_s_per_gpu", "step_time_s", "peak_mem_GB")
VTRAIN = {
    "# GPUs": "n_gpus", "global batch": "global_batch_seqs", "micro batch": "micro_batch", "hidden size": "hidden",
    "attention heads": "heads", "# layers": "layers", "sequence length": "seq", "tensor parallelism": "tp",
    "data parallelism": "dp", "pipeline parallelism": "pp", "iteration time (ms)": "step_time_s",
}  # fmt: skip
_MOST = 10
"""Problems shown of one file: one wrong column repeats on every line."""


def read_cells(path: Path) -> list[dict[str, str]]:
    """The rows of a file, by the names of COLUMNS; empty cells are empty strings.

    Raises PageError for a file that cannot be read, a header that is neither of the two, and for cells that are not
    the numbers that their columns hold.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PageError([Problem(file=str(path), message=f"cannot be read: {error}", fix="give a CSV in UTF-8")]) from None
    reader = csv.DictReader(text.splitlines(keepends=True))
    header = [name.strip() for name in reader.fieldnames or []]
    reader.fieldnames = header
    own = set(header) >= set(VTRAIN)
    if not own and (missing := [name for name in COLUMNS if name not in header]):
        raise PageError([_of_header(path, missing, header)])
    rows: list[dict[str, str]] = []
    problems: list[Problem] = []
    for row in reader:
        line = reader.line_num
        if None in row or None in row.values():
            fix = "quote cells that hold commas"
            problems.append(Problem(file=str(path), line=line, column=1, message=f"{_cells(row)} cells under {len(header)} columns", fix=fix))
            continue
        cells = {name: (value or "").strip() for name, value in row.items()}
        problems += _bad_cells(path, line, cells, VTRAIN if own else None)
        rows.append(_from_vtrain(cells, line) if own else {name: cells[name] for name in COLUMNS})
    if problems:
        more = len(problems) - _MOST
        raise PageError([*problems[:_MOST], *([Problem(file=str(path), message=f"{more} problems more")] if more > 0 else [])])
    return rows


def _of_header(path: Path, missing: list[str], header: list[str]) -> Problem:
    vtrain = [name for name in VTRAIN if name not in header]
    if len(vtrain) < len(missing):
        missing = vtrain
    found = f"; it has {', '.join(header[:6])}, ..." if header else "; the file is empty"
    fix = "write the header of benchmarks/planner/published_runs.csv or of benchmarks/planner/vtrain_single_node.csv"
    return Problem(file=str(path), line=1, column=1, message=f"the header lacks {', '.join(missing)}{found}", fix=fix)


def _cells(row: Mapping[str | None, object]) -> int:
    over = row.get(None)
    return sum(value is not None for key, value in row.items() if key is not None) + (len(over) if isinstance(over, list) else 0)


def _bad_cells(path: Path, line: int, cells: Mapping[str, str], theirs: Mapping[str, str] | None) -> Iterator[Problem]:
    """Numbers that are none, or that no run can have. vTrain's own table has no empty cells."""
    names = theirs or {name: name for name in (*WHOLE, *REAL)}
    for column, name in names.items():
        value = cells[column]
        if not value and not theirs:
            continue
        wanted = "a whole number above 0" if name in WHOLE else "a number above 0"
        if not _is_number(value, whole=name in WHOLE):
            fix = "leave the cell empty where the source does not say" if not theirs else ""
            yield Problem(file=str(path), line=line, column=1, path=column, message=f"{value!r} is not {wanted}", fix=fix)


def _is_number(text: str, *, whole: bool) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    return math.isfinite(value) and value > 0 and (not whole or value.is_integer())


def _from_vtrain(cells: Mapping[str, str], line: int) -> dict[str, str]:
    """As configured there: GPT-2's vocabulary, fp16, everything recomputed, DeepSpeed's ZeRO 1 (its README and configs)."""
    said = {ours: cells[theirs] for theirs, ours in VTRAIN.items()}
    if _is_number(said["step_time_s"], whole=False):
        said["step_time_s"] = str(float(said["step_time_s"]) / 1000)
    fixed = {
        "id": f"vtrain_single_{line - 1}", "paper": "vTrain (MICRO24) single-node ground truth", "model": "GPT", "vocab": "51200",
        "gpu_type": "A100-80GB-SXM", "recompute": "full", "precision": "fp16", "zero_stage": "1", "interconnect": "NVLink3",
    }  # fmt: skip
    return dict.fromkeys(COLUMNS, "") | fixed | said
