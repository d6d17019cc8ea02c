"""A third party's method, data set and backbone in a package of its own: found, verified, run and reported as ours."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from bench.data import load_source
from bench.errors import BadInput
from bench.methods import load_method
from bench.networks.backbones import build_backbone

PLUGIN = Path(__file__).parents[1] / "plugin"


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Runs ``bench`` in an environment where the plug-in is installed."""
    folder = tmp_path_factory.mktemp("plugin")
    source, target = folder / "source", folder / "installed"
    shutil.copytree(PLUGIN, source)
    install = "pip install --quiet --no-deps --no-build-isolation --no-index --target".split()
    subprocess.run([sys.executable, "-m", *install, target, source], check=True)
    environment = os.environ | {"PYTHONPATH": str(target), "COLUMNS": "200"}

    def run(*arguments):
        command = [sys.executable, "-m", "bench", *map(str, arguments)]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)

    return run


def test_the_plugin_is_small():
    for name in ("linear_gate", "stripes", "small", "two_looks"):
        assert len((PLUGIN / f"{name}.py").read_text().splitlines()) <= 45


def test_it_is_listed_beside_ours(bench):
    for what, ours, theirs in (
        ("methods", "lcnet", "linear_gate"),
        ("datasets", "cifar10", "stripes"),
        ("backbones", "resnet20", "small"),
    ):
        result = bench("list", what)
        assert result.returncode == 0, result.stderr
        assert theirs in result.stdout.split() and ours in result.stdout.split()


def test_it_is_unknown_where_it_is_not_installed():
    with pytest.raises(BadInput, match="unknown method 'linear_gate'"):
        load_method("linear_gate")
    with pytest.raises(BadInput, match="unknown data set 'stripes': choose from digits, cifar10"):
        load_source("stripes")
    with pytest.raises(BadInput, match="unknown backbone 'small'"):
        build_backbone("small", classes=2)


def test_it_conforms(bench):
    result = bench("verify", "linear_gate")
    assert result.returncode == 0, result.stdout + result.stderr


def test_it_is_run_and_reported(bench, tmp_path):
    options = (
        "--methods linear_gate --network two_looks --dataset stripes --points 0.6 --device cpu --no-timing".split()
    )
    result = bench("run", *options, "--out", tmp_path / "runs")
    assert result.returncode == 0, result.stderr
    report = bench("report", tmp_path / "runs", "--out", tmp_path / "report")
    assert report.returncode == 0, report.stderr
    table = pd.read_csv(tmp_path / "report" / "table.csv").set_index("method")
    assert {"dense", "linear_gate", "two_looks"} == set(table.index)
    assert table.loc["two_looks", "valid"], "its claims are what a counter sees"
    assert table.loc["linear_gate", "gate_macs_mean"] == 16 + 16 + 32
    assert table.loc["linear_gate", "macs_mean"] <= table.loc["dense", "macs_mean"] + 64
    assert set(table["dataset"]) == {"stripes"} and set(table["backbone"]) == {"small"} and set(table["n_test"]) == {60}
