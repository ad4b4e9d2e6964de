"""The planner's estimates beside published measurements, and beside other planners: `make bench-planner`.

    make bench-planner                                    all rows that ship
    make bench-planner ROWS="mine.csv other.csv"          rows of your own, in either of the two headers below
    make bench-planner ARGS="--json"                      the same as data; --strict exits with 1 where a target is missed
    make bench-planner ARGS="--install-peers .peers"      once: a virtual environment of its own for llm-analysis
    make bench-planner ARGS="--peers .peers --calculon /path/to/calculon"
    make bench-planner ARGS="--write-bands"               renews orchestrator/planning/published/errors.json

The constants of a cluster (one source's runs on one kind of device) are fitted on at most five of its rows, chosen
without looking at the rest, and none of those is scored. Rows given by ROWS of a cluster that ships are judged with
the constants fitted on shipped rows; a cluster that nobody has seen is fitted on its own. Beside each figure stands
what one constant would do (a fraction of peak FLOP/s for time, of device memory for memory) fitted on the same rows.

    estimates.py    rows -> what each planner says of them
    score.py        figures: mean error, rank correlation, regret
    targets.py      what is to be reached
    verdict.py      figures of every source and target, from estimates
    report.py       the verdict as text
    bands.py        the error bands that plans show
    peers/          llm-analysis and calculon, each run by its own interpreter

The data

published_runs.csv: one published measurement a row. Each names its `source` (repository and commit, or paper and
table) and how it was checked (`verified`); `flops_convention` says how the source counts, `notes` what is odd about
the row. Figures are facts reported by their publishers and are cited as such: MosaicML llm-foundry (Apache-2.0),
NVIDIA Megatron-LM (BSD-3-Clause), Megatron-Bridge and NeMo (Apache-2.0), BigScience (Apache-2.0), pytorch/torchtitan
(BSD-3-Clause), KempnerForge (MIT), vTrain (below), and the papers named in `paper`.

vtrain_single_node.csv: measured iteration times of Megatron-DeepSpeed on one node of eight A100-80GB, from the vTrain
project (Bang et al., MICRO 2024, https://github.com/VIA-Research/vTrain), in that project's own header.
"""
