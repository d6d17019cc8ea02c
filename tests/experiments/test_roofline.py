"""The roofline: both forms of a network lie under roofs that were measured beside them."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.execution.native import targets

PROGRAM = Path(__file__).parents[2] / "experiments" / "roofline.py"


@pytest.mark.skipif(not targets(), reason="the compiled executor was not built: no compiler")
def test_a_row_for_each_form_and_the_plot(tmp_path):
    command = [sys.executable, PROGRAM, "--network", "resnet20", "--seconds", "1", "--images", "1", "--no-compile"]
    command += ["--plot", tmp_path / "roofline"]
    printed = subprocess.run(command, check=True, timeout=300, capture_output=True, text=True).stdout
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in printed.splitlines() if "resnet20" in line
    ]
    assert [row[1] for row in rows] == ["compiled executor", "best stock form"]
    for row in rows:
        # No network outruns a large matrix product; but these are timed one after the other, and other work on the
        # machine may halve the speed of either.
        assert 0 < float(row[4].rstrip("%")) < 200
        assert row[5] == "37", "40.8 M multiply-adds, 0.27 M weights and 3,072 pixels of 4 bytes"
    assert (tmp_path / "roofline.svg").exists() and (tmp_path / "roofline.png").exists()
