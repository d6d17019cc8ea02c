"""Drawing apart from whatever the environment says of matplotlib, and from what goes wrong with it."""

import os
import subprocess
import sys

import pytest

from bench.errors import BadInput
from bench.report import drawing, write_report

PROGRAM = """
import sys
from pathlib import Path
from bench.report import write_report
assert not {"matplotlib", "plotly", "torch"} & set(sys.modules)
write_report([Path(sys.argv[1])], Path(sys.argv[2]))
assert "torch" not in sys.modules
"""


def report_in(folder, runs, **environment):
    out = folder / "report"
    command = [sys.executable, "-c", PROGRAM, str(runs.folder), str(out)]
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_a_notebooks_backend_and_a_matplotlibrc_change_no_byte(runs, tmp_path):
    runs.add("dense")
    runs.add("lcnet", point=0.6, dynamic=True)
    plain, spoilt = tmp_path / "plain", tmp_path / "spoilt"
    plain.mkdir()
    spoilt.mkdir()
    (spoilt / "matplotlibrc").write_text("text.usetex: True\nfont.size: 30\nlines.linewidth: 9\n")
    found = report_in(spoilt, runs, MPLBACKEND="module://matplotlib_inline.backend_inline")
    assert found == report_in(plain, runs)
    assert "pareto-digits-resnet20.svg" in found


def test_a_plot_that_cannot_be_drawn_costs_a_line_not_the_table(runs, tmp_path, monkeypatch, caplog):
    runs.add("dense")
    runs.add("lcnet", point=0.6, dynamic=True)
    from bench.report.plots import paths

    def fail(group):
        raise RuntimeError("latex\nwas not found")

    monkeypatch.setattr(paths, "block_shares", fail)
    files = {path.name for path in write_report([runs.folder], tmp_path / "report")}
    assert {"report.md", "table.csv", "pareto-digits-resnet20.svg"} <= files
    assert "blocks-digits-resnet20.svg" not in files
    assert caplog.messages == ["no plot blocks-digits-resnet20: RuntimeError: latex was not found"]


def test_without_matplotlib_there_are_tables(runs, tmp_path, monkeypatch, caplog):
    runs.add("dense")
    for name in [name for name in sys.modules if name.startswith("bench.report.plots")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    files = [path.name for path in write_report([runs.folder], tmp_path / "report")]
    assert files == ["report.md", "table.csv"]
    assert "no plots of digits / resnet20" in caplog.messages[0]


def test_a_plot_that_cannot_be_written_is_named_and_leaves_no_half(runs, tmp_path, monkeypatch):
    runs.add("dense")
    out = tmp_path / "report"
    (out / "pareto-digits-resnet20.svg").mkdir(parents=True)
    with pytest.raises(BadInput, match=r"cannot write .*pareto-digits-resnet20\.svg"):
        write_report([runs.folder], out)
    assert [path.name for path in out.iterdir()] == ["pareto-digits-resnet20.svg"]


def test_the_backend_of_the_environment_is_given_back(runs, tmp_path, monkeypatch):
    monkeypatch.setenv(drawing.BACKEND, "module://nothing")
    runs.add("dense")
    write_report([runs.folder], tmp_path / "report")
    assert os.environ[drawing.BACKEND] == "module://nothing"
