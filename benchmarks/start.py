"""From command to first step, and where the time goes, beside a minimal Ray Train script: `make bench-start`.

Both train the nano page's model with DeepSpeed ZeRO 1 on two workers, data already prepared, one after the
other in the same run, alternating. The minimal script is what one would write by hand: ray.init, one
TorchTrainer, a loop that builds the model and takes a step; it reads no page and writes no file but the time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orchestrator.training.rundir import RunDir, last_line, read_lines

ALLOWED_S = 3.0
MINIMAL = '''
import json, sys, time
import ray
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer

def loop(config):
    import deepspeed, torch, transformers
    from torch.nn.functional import cross_entropy
    shape = transformers.LlamaConfig(**config["model"])
    module = transformers.LlamaForCausalLM(shape)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3)
    engine, *_ = deepspeed.initialize(model=module, optimizer=optimizer, config=config["deepspeed"])
    tokens = torch.randint(0, shape.vocab_size, (config["micro_batch"], 257))
    logits = engine(input_ids=tokens[:, :-1]).logits
    engine.backward(cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()))
    engine.step()
    if torch.distributed.get_rank() == 0:
        open(config["out"], "w").write(str(time.time()))
    engine.destroy()

config = json.load(open(sys.argv[1]))
ray.init(log_to_driver=False)
TorchTrainer(
    loop, train_loop_config=config, torch_config=TorchConfig(backend="gloo"),
    scaling_config=ScalingConfig(num_workers=config["workers"]), run_config=RunConfig(storage_path=config["storage"]),
).fit()
'''


def ours(folder: Path, name: str) -> dict[str, float]:
    """Seconds to each milestone of `orchestrate train`."""
    run = RunDir(folder / name)
    began = time.time()
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator.cli", "train", "--runs", str(folder), "--run", name, "--until", "1"],
        stdout=subprocess.DEVNULL,
    )
    while last_line(run.metrics) is None and process.poll() is None:
        time.sleep(0.01)
    first = time.time()
    process.wait()
    times = {event["event"]: event["time"] for event in read_lines(run.events)}
    return {
        "pages, plan, data": times["submitted"] - began,
        "Ray and gang": times["started"] - times["submitted"],
        "imports, engine": times["placed"] - times["started"],
        "first step": first - times["placed"],
        "total": first - began,
    }


def minimal(folder: Path, name: str, plan_of: Path) -> float:
    """Seconds to the first step of the minimal script."""
    out, script, config = folder / f"{name}.time", folder / "minimal.py", folder / f"{name}.json"
    script.write_text(MINIMAL)
    from orchestrator.engines.deepspeed.config import ds_config
    from orchestrator.planning import make_plan
    from orchestrator.spec import ClusterSpec, load_run

    plan = make_plan(load_run(RunDir(plan_of).resolved).spec, ClusterSpec.model_validate_json(RunDir(plan_of).hardware.read_text()))
    settings = {
        "model": dict(plan.architecture.huggingface.config), "deepspeed": ds_config(plan), "micro_batch": plan.micro_batch,
        "workers": plan.world_size, "out": str(out), "storage": str(folder / "storage"),
    }  # fmt: skip
    config.write_text(json.dumps(settings))
    began = time.time()
    subprocess.run([sys.executable, str(script), str(config)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return float(out.read_text()) - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="start-") as name:
        folder = Path(name)
        ours(folder, "warm")  # prepares the data and fills the page cache
        mine, theirs = [], []
        for number in range(options.runs):
            theirs.append(minimal(folder, f"minimal-{number}", folder / "warm"))
            mine.append(ours(folder, f"ours-{number}"))
        print(f"seconds from command to first step, median of {options.runs} runs each, alternating")
        for phase in mine[0]:
            print(f"  {phase:<20}{statistics.median(run[phase] for run in mine):7.2f}")
        base, total = statistics.median(theirs), statistics.median(run["total"] for run in mine)
        print(f"  minimal Ray Train   {base:7.2f}   ({', '.join(f'{value:.2f}' for value in theirs)})")
        print(f"  difference          {total - base:+7.2f}   allowed {ALLOWED_S:+.2f}")
    return 0 if total - base <= ALLOWED_S else 1


if __name__ == "__main__":
    sys.exit(main())
