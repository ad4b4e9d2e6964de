"""A plan answers before a heavy library could be imported, whatever the page leaves open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("torch", "ray", "numpy", "scipy", "deepspeed", "megatron", "transformers")
LOOK = """
import sys
from orchestrator.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended.code
print("loaded:", *sorted({name.partition(".")[0] for name in sys.modules} & set(%r)))
"""
BLOOM = ("--spec", str(ROOT / "model_specs/bloom/176b.yaml"))
OWN = ("--cluster", str(ROOT / "cluster/bloom-48xa100-80.yaml"))


@pytest.mark.parametrize(
    "words",
    [("check", *BLOOM), ("plan", *BLOOM, *OWN), ("plan", *BLOOM, *OWN, "--set", "parallelism=auto")],
    ids=["check", "a layout that is said", "a search"],
)
def test_nothing_heavy_is_imported(words: tuple[str, ...]) -> None:
    told = subprocess.run([sys.executable, "-c", LOOK % (HEAVY,), *words], capture_output=True, text=True, check=False, cwd=ROOT)
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[-1] == "loaded:", told.stdout.splitlines()[-1]


def test_make_says_auto_as_an_override_does(tmp_path: Path) -> None:
    """`make plan SPEC=... CLUSTER=... SET="parallelism=auto" FORMAT=json` on 16,384 devices."""
    page = tmp_path / "largest.yaml"
    page.write_text("nodes: 2048\nnode: {accelerator: H100, count: 8}\nnetwork: {bandwidth: 400GB}\n")
    words = ("plan", *BLOOM, "--cluster", str(page), "--format", "json", "--set", "parallelism=auto")
    told = subprocess.run([sys.executable, "-m", "orchestrator.cli", *words], capture_output=True, text=True, check=False, cwd=ROOT)
    assert told.returncode == 0, told.stderr
    assert '"candidates"' in told.stdout
