"""The committed reports are what their records say."""

from pathlib import Path

import pandas as pd
import pytest

from bench.report import write_report

RESULTS = Path(__file__).parents[2] / "results"
SUITES = {
    "report": ("cifar10-resnet20", "cifar10-resnet20-cascade"),
    "report-long": ("cifar10-resnet20-long", "cifar10-resnet20-cascade-long"),
}


@pytest.mark.parametrize("name", sorted(SUITES))
def test_the_committed_report_is_made_from_the_committed_records(name, monkeypatch, tmp_path):
    """Otherwise: ``bench report results/SUITE ... --out results/NAME``. Plots are left out."""
    monkeypatch.setattr("bench.report.write.draw", lambda *arguments: [])
    write_report([RESULTS / suite for suite in SUITES[name]], tmp_path, ("md", "csv"))
    made, committed = (_lines(folder / "report.md") for folder in (tmp_path, RESULTS / name))
    assert made == committed and len(made) > 100
    made, committed = (pd.read_csv(folder / "table.csv") for folder in (tmp_path, RESULTS / name))
    pd.testing.assert_frame_equal(made[committed.columns], committed)  # columns are only ever appended


def _lines(report: Path) -> list[str]:
    """All but its pictures and what folds them."""
    text = report.read_text().partition("<details><summary>More plots")[0]
    return [line for line in text.splitlines() if line and not line.startswith("![")]
