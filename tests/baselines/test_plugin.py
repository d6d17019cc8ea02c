"""A third party's method, data set and backbone in a package of its own: found, verified, run and reported as ours."""

import json
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
COMMANDS = """
import json, sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from bench.cli import main
for line in sys.stdin:
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as error:
        try:
            code = main(json.loads(line))
        except SystemExit as ended:
            code = ended.code
    print(json.dumps([code, out.getvalue(), error.getvalue()]), flush=True)
"""
"""Runs commands of ``bench`` one after the other: each process of its own would load torch first."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Runs ``bench`` in an environment where the plug-in is installed: exit code, standard output, standard error."""
    folder = tmp_path_factory.mktemp("plugin")
    source, target = folder / "source", folder / "installed"
    shutil.copytree(PLUGIN, source)
    install = "pip install --quiet --no-deps --no-build-isolation --no-index --target".split()
    subprocess.run([sys.executable, "-m", *install, target, source], check=True)
    environment = os.environ | {"PYTHONPATH": str(target), "COLUMNS": "200"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", COMMANDS], cwd=folder, env=environment, **pipes) as process:

        def run(*arguments):
            print(json.dumps([str(argument) for argument in arguments]), file=process.stdin, flush=True)
            return json.loads(process.stdout.readline())

        yield run
        process.stdin.close()


def test_the_plugin_is_small():
    for name in ("linear_gate", "stripes", "small", "two_looks"):
        assert len((PLUGIN / f"{name}.py").read_text().splitlines()) <= 45


def test_it_is_listed_beside_ours(bench):
    for what, ours, theirs in (
        ("methods", "lcnet", "linear_gate"),
        ("datasets", "cifar10", "stripes"),
        ("backbones", "resnet20", "small"),
    ):
        code, out, error = bench("list", what)
        assert code == 0, error
        assert theirs in out.split() and ours in out.split()


def test_it_is_unknown_where_it_is_not_installed():
    with pytest.raises(BadInput, match="unknown method 'linear_gate'"):
        load_method("linear_gate")
    with pytest.raises(BadInput, match="unknown data set 'stripes': choose from digits, cifar10"):
        load_source("stripes")
    with pytest.raises(BadInput, match="unknown backbone 'small'"):
        build_backbone("small", classes=2)


def test_it_conforms(bench):
    code, out, error = bench("verify", "linear_gate")
    assert code == 0, out + error


def test_it_is_run_and_reported(bench, tmp_path):
    options = (
        "--methods linear_gate --network two_looks --dataset stripes --points 0.6 --device cpu --no-timing".split()
    )
    code, _, error = bench("run", *options, "--out", tmp_path / "runs")
    assert code == 0, error
    code, _, error = bench("report", tmp_path / "runs", "--out", tmp_path / "report")
    assert code == 0, error
    table = pd.read_csv(tmp_path / "report" / "table.csv").set_index("method")
    assert {"dense", "linear_gate", "two_looks"} == set(table.index)
    assert table.loc["two_looks", "valid"], "its claims are what a counter sees"
    assert table.loc["linear_gate", "gate_macs_mean"] == 16 + 16 + 32
    assert table.loc["linear_gate", "macs_mean"] <= table.loc["dense", "macs_mean"] + 64
    assert set(table["dataset"]) == {"stripes"} and set(table["backbone"]) == {"small"} and set(table["n_test"]) == {60}
