"""The ablation: every variant differs from LC-Net where it says so, and one run compares them on validation images."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from bench.networks.backbones import build_backbone

PROGRAM = Path(__file__).parents[2] / "experiments" / "ablation.py"


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("ablation")
    torch.manual_seed(0)
    save_file(build_backbone("resnet8-w0.25", 10).state_dict(), folder / "start.safetensors")
    command = [sys.executable, PROGRAM, "--weights", folder / "start.safetensors", "--csv", folder / "rows.csv"]
    command += "--dataset digits --backbone resnet8-w0.25 --epochs 3".split()
    command += "--only static --only unalike --only layers --only l1".split()
    subprocess.run(command, check=True, timeout=300)
    return pd.read_csv(folder / "rows.csv").set_index("variant")


def test_the_base_comes_first_and_differs_from_itself_by_nothing(rows):
    assert list(rows.index) == ["base", "static", "unalike", "layers", "l1"]
    assert (rows.loc["base", ["difference", "difference_low", "difference_high"]] == 0).all()


def test_what_learns_nothing_treats_all_images_alike(rows):
    assert rows.loc["static", "macs_fraction_std"] == 0 < rows.loc["unalike", "macs_fraction_std"]


def test_what_a_pruned_network_costs_refers_to_the_backbone_before(rows):
    assert rows.loc["l1", "macs_fraction"] == pytest.approx(0.6, abs=0.1), "filters of a narrow network are coarse"
    assert rows.loc["l1", "macs_fraction_std"] == 0


def test_differences_are_those_of_the_accuracies(rows):
    expected = rows["validation_top1"] - rows.loc["base", "validation_top1"]
    assert rows["difference"].sub(expected).abs().max() < 0.011, "both are rounded to hundredths"
    assert rows["validation_top1"].nunique() > 1, "the variants are not one and the same"
