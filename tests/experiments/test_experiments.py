"""Every program in ``experiments/`` starts and comes to its end at a tiny size, and says what it is there to say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.execution.native import targets

FOLDER = Path(__file__).parents[2] / "experiments"
ELSEWHERE = {"ablation.py", "fill_tables.py", "lite_cascade.py", "roofline.py"}
"""Programs with a test file of their own."""
SHORT = ("--seconds", "0.2", "--threads", "1")
NEEDS_COMPILER = pytest.mark.skipif(not targets(), reason="the compiled executor was not built: no compiler")
PROGRAMS = {
    "gpu.py": (
        "--network resnet8-w0.25 --gates layers --keep 0.5 --batch 1 --images 1 --size 4 --precision float32 "
        "--seconds 0.01".split(),
        "| layers | 0.5 |",
    ),
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
    "scaling.py": (("{runs}",), "workers"),
    "backbones.py": (("--family", "DeiT"), "family=DeiT network=deit_tiny_patch16_224 blocks=24"),
    "skipping.py": (
        ("--network", "resnet20", "--keep", "0.5", "--images", "1", "--no-compile", "--no-masked", *SHORT),
        "resnet20",
    ),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """The records of a dense network and of a method on top of it."""
    folder = tmp_path_factory.mktemp("programs")
    command = [
        sys.executable,
        "-m",
        "bench",
        "run",
        "--methods",
        "slim",
        "--backbone",
        "resnet8-w0.25",
        "--epochs",
        "1",
    ]
    subprocess.run([*command, "--no-timing", "--out", folder / "runs"], check=True, capture_output=True, timeout=300)
    return folder / "runs"


def test_every_program_is_started_here_or_has_tests_of_its_own():
    programs = {path.name for path in FOLDER.glob("*.py") if "__main__" in path.read_text()}
    assert programs == PROGRAMS.keys() | ELSEWHERE


@pytest.mark.parametrize("name", [pytest.param(n, marks=[NEEDS_COMPILER] * (n == "native.py")) for n in PROGRAMS])
def test_a_tiny_run_of(name, runs, tmp_path):
    arguments, says = PROGRAMS[name]
    places = {"{job}": next(runs.glob("slim-*")), "{runs}": runs}
    command = [sys.executable, FOLDER / name, *(places.get(word, word) for word in arguments)]
    interpreted = os.environ | ({"TRITON_INTERPRET": "1"} if name == "gpu.py" else {})
    finished = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False, env=interpreted
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert says in finished.stdout
