"""LC-Net against its rivals: known gains of known lines, and nothing beyond their ends."""

import numpy as np
import pytest

from bench.errors import BadInput
from bench.report import write_report
from bench.report.results import load_groups
from bench.report.tables.trades import trade_table
from bench.report.units import UNITS
from bench.statistics import Front


def test_a_front_interpolates_between_its_points_and_ends_there():
    front = Front([1.0, 0.5, 0.6], [90.0, 80.0, 70.0])  # the last is dominated
    assert front.quality_at([0.5, 0.75, 1.0]) == pytest.approx([80, 85, 90])
    assert front.cost_of([80, 85, 90]) == pytest.approx([0.5, 0.75, 1.0])
    assert np.isnan(front.quality_at([0.4, 1.1])).all() and np.isnan(front.cost_of([79, 91])).all()


def test_gains_at_equal_cost_and_at_equal_accuracy(runs):
    runs.add("dense", top1=90)
    for point, top1 in ((0.5, 80), (0.8, 88)):
        runs.add("lcnet", point=point, top1=top1, dynamic=False)
    runs.add("slim", point=0.6, top1=75)
    runs.add("l1", point=0.3, top1=70)
    (group,) = load_groups([runs.folder])
    table = trade_table(group, UNITS["macs"])
    rows = {row[0].text: row for row in table.rows}
    assert set(rows) == {"dense", "slim", "l1"}
    top1 = {entry.record.method: entry.top1.value for entry in group.entries if entry.record.method != "lcnet"}
    lc = sorted((e.mean("macs_fraction"), e.top1.value) for e in group.entries if e.record.method in ("lcnet", "dense"))
    expected = np.interp(0.6, *zip(*lc)) - top1["slim"]
    assert rows["slim"][2].value == pytest.approx(expected) and rows["slim"][2].text == f"{expected:+.2f}"
    assert rows["l1"][2].value is None, "0.3 is below every operating point of LC-Net"
    assert rows["dense"][3].value == pytest.approx(1), "every line ends in the dense backbone"


def test_without_lcnet_there_is_no_such_table(runs):
    runs.add("dense")
    runs.add("slim", point=0.5)
    (group,) = load_groups([runs.folder])
    assert trade_table(group, UNITS["macs"]) is None


def test_any_method_can_be_the_challenger(runs, tmp_path):
    runs.add("dense", top1=90)
    for method in ("slim", "lcnet"):
        for point in (0.5, 0.8):
            runs.add(method, point=point, top1=80)
    (group,) = load_groups([runs.folder])
    table = trade_table(group, UNITS["macs"], "slim")
    assert table.title.endswith("slim against each rival")
    assert {row[0].text for row in table.rows} == {"dense", "lcnet"}
    with pytest.raises(BadInput, match="no record of the challenger 'skipnet': there are dense, lcnet, slim"):
        write_report([runs.folder], tmp_path / "report", challenger="skipnet")
