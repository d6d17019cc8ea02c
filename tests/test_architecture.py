"""The rooms of the house: who imports whom, and how large anything may be."""

import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path

import pytest
import torch

from bench.methods import TrainingBatch
from bench.methods.interface import Step
from bench.networks.backbones import build_backbone
from bench.system.renamed import FORMER

ROOT = Path(__file__).parents[1]
MOST_MODULES_ON_TOP = 6
OTHER_ROOMS = {"baselines", "experiments", "lcnet", "reliability"}
"""Folders of tests whose subject is no room of ``bench``."""


def test_imports_keep_to_the_contracts():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_few_modules_stand_on_top():
    on_top = sorted(path.name for path in (ROOT / "bench").glob("*.py"))
    assert len(on_top) <= MOST_MODULES_ON_TOP, on_top


def test_tests_mirror_the_rooms():
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("*/test_*.py")}
    homeless = [str(folder) for folder in folders if not (ROOT / "bench" / folder).is_dir()]
    assert set(homeless) <= OTHER_ROOMS


def test_a_method_written_for_former_names_still_works():
    source = (ROOT / "tests" / "plugin" / "linear_gate.py").read_text()
    for former, present in FORMER.items():
        source = source.replace(f"from {present} import", f"from {former} import")
    source = source.replace(
        "    def decide_layer(",
        "    def look(self, index, x):\n        return -x.mean((2, 3))\n\n    def decide_layer(",
    )
    assert "bench.dynamic.method" in source
    module: dict = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        exec(source, module)
    network = module["LinearGate"]().build(build_backbone("resnet8", classes=10), 0.5)
    images = torch.randn(2, 3, 32, 32)
    assert (network.router.gate_input(0, images) == -images.mean((2, 3))).all()
    assert network(images).trace is None and Step is TrainingBatch


@pytest.mark.parametrize("former", sorted(FORMER))
def test_former_names_of_modules_import_the_same_module(former):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert import_module(former) is import_module(FORMER[former])
