"""The roofline: both forms of a network lie under roofs that were measured beside them."""

import pytest
import roofline
from click.testing import CliRunner

from bench.execution.native import targets


@pytest.mark.skipif(not targets(), reason="the compiled executor was not built: no compiler")
def test_a_row_for_each_form_and_the_plot(tmp_path):
    arguments = ["--network", "resnet20", "--seconds", "0.5", "--images", "1", "--no-compile"]
    ended = CliRunner().invoke(
        roofline.main, [*arguments, "--plot", str(tmp_path / "roofline")], catch_exceptions=False
    )
    assert ended.exit_code == 0
    lines = [line for line in ended.stdout.splitlines() if "resnet20" in line]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[1] for row in rows] == ["compiled executor", "best stock form"]
    for row in rows:
        # No network outruns a large matrix product; but these are timed one after the other, and other work on the
        # machine may halve the speed of either.
        assert 0 < float(row[4].rstrip("%")) < 200
        assert row[5] == "37", "40.8 M multiply-adds, 0.27 M weights and 3,072 pixels of 4 bytes"
    assert (tmp_path / "roofline.svg").exists() and (tmp_path / "roofline.png").exists()
