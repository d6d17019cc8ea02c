"""Every program in ``experiments/`` starts and comes to its end at a tiny size, and says what it is there to say."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from program import exit_code

from bench.execution.native import targets
from bench.execution.onnx.writing import BRANCHES_SINCE
from bench.execution.triton.availability import too_old

FOLDER = Path(__file__).parents[2] / "experiments"
ELSEWHERE = {"ablation.py", "fill_tables.py", "lite_cascade.py", "roofline.py"}
"""Programs with a test file of their own."""
SHORT = ("--seconds", "0.2", "--threads", "1")
NEEDS = {
    "native.py": pytest.mark.skipif(not targets(), reason="the compiled executor was not built: no compiler"),
    "onnx_times.py": pytest.mark.skipif(torch.__version__ < BRANCHES_SINCE, reason="this torch exports no branches"),
}
INTERPRETED = (
    "--network resnet8-w0.25 --gates layers --keep 0.5 --batch 1 --images 1 --size 4 --precision float32 "
    "--seconds 0.01".split(),
    "| layers | 0.5 |",
)
HERE = {
    "harness.py": (("--network", "resnet8-w0.25", *SHORT), "bench costs"),
    "distribution.py": (
        ("{job}", "--images", "4", "--no-compile", *SHORT),
        "correlation of an image's time with its MACs",
    ),
    "engines.py": (("--engine", "inline", "--jobs", "2"), "2 of 2 records, none written twice"),
    "native.py": (
        ("--network", "resnet20", "--gates", "layers", "--images", "1", "--no-compile", *SHORT),
        "native takes",
    ),
    "onnx_times.py": (
        [*"--network resnet8-w0.25 --first resnet8-w0.25 --kind cascade --keep 0.5 --images 4".split(), *SHORT],
        "| resnet8-w0.25 | cascade | 0.5 | ",
    ),
    "scaling.py": (("{runs}",), "workers"),
    "backbones.py": (("--family", "DeiT"), "family=DeiT network=deit_tiny_patch16_224 blocks=24"),
    "skipping.py": (
        [
            *"--network resnet20 --gates layers --gates exits --gates cascade --first resnet8-w0.25 --keep 0.5".split(),
            *"--images 1 --no-compile".split(),
            *SHORT,
        ],
        "resnet20, cascade, batch 1",
    ),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """The records of a dense network and of a method on top of it."""
    out = tmp_path_factory.mktemp("programs") / "runs"
    small = "--methods slim --backbone resnet8-w0.25 --epochs 1 --no-timing --out".split()
    assert exit_code("run", *small, out) == 0
    return out


def test_every_program_is_started_here_or_has_tests_of_its_own():
    programs = {path.name for path in FOLDER.glob("*.py") if "__main__" in path.read_text()}
    assert programs == HERE.keys() | ELSEWHERE | {"gpu.py"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=NEEDS.get(name, ())) for name in HERE])
def test_a_tiny_run_of(name, runs, tmp_path, monkeypatch):
    """Within this process: loading torch takes longer than most of them."""
    arguments, says = HERE[name]
    places = {"{job}": str(next(runs.glob("slim-*"))), "{runs}": str(runs)}
    monkeypatch.chdir(tmp_path)
    program = importlib.import_module(name.removesuffix(".py")).main
    ended = CliRunner().invoke(program, [places.get(word, word) for word in arguments], catch_exceptions=False)
    assert ended.exit_code == 0 and says in ended.stdout


@pytest.mark.skipif(too_old(), reason="this Triton is too old")
def test_a_tiny_run_without_a_gpu(tmp_path):
    """In a process of its own, which shows that they start as people start them."""
    arguments, says = INTERPRETED
    finished = subprocess.run(
        [sys.executable, FOLDER / "gpu.py", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300,
        check=False, env=os.environ | {"TRITON_INTERPRET": "1"},
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert says in finished.stdout
