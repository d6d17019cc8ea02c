"""Findings in files, in tables and in the report."""

import shutil

import pytest
from synthetic import Runs

from bench.report import write_report
from bench.report.headroom import (
    Cascade,
    CurvePoint,
    Gain,
    Headroom,
    Network,
    Oracle,
    Probe,
    headroom_tables,
    read_findings,
    write_headroom,
)


@pytest.fixture
def runs(tmp_path):
    (tmp_path / "runs").mkdir()
    filled = Runs(tmp_path / "runs")
    filled.add("dense", top1=92)
    filled.add("l1", point=0.4, top1=88)
    return filled


@pytest.fixture
def found(runs):
    cheap, dear = sorted(path.name for path in runs.folder.iterdir())
    pair = ("l1 0.4", "dense", 0)
    return Headroom(
        dataset="digits",
        title="digits",
        backbone="resnet20",
        images=500,
        validation_images=200,
        networks=(
            Network(cheap, "l1 0.4", 0, 88.0, 0.4, False, 89.0, 0.9),
            Network(dear, "dense", 0, 92.0, 1.0, False),
        ),
        oracles=(Oracle(*pair, 94.0, 0.43, 2.0, 6.0), Oracle("all 3", "", 0, 95.0, 0.41)),
        cascades=(
            Cascade(*pair, 0.5, True, 0.75, 90.0, 12.0, 90.5, 0.52, 88.5, 88.75),
            Cascade("slim 0.6", "dense", 0, 0.5, False, None, 89.0, 100.0, 90.25, 0.52, 88.5, 88.75),
        ),
        gains=(Gain(*pair, 0.5, "static", "slim <b>", 89.5, 0.51, 1.0, 0.25, 1.75, 0.0004),),
        probes=(Probe("l1 0.4", 0, 0, 0.01, 0.55, 0.56), Probe("l1 0.4", 0, 1, 1.0, 0.75, 0.85)),
        curve=(CurvePoint("l1 0.4", "dense", 0.4, 88.0, 88.0), CurvePoint("l1 0.4", "dense", 1.4, 92.0, 92.0)),
        remarks=("Something was left out.",),
    )


def test_findings_are_read_as_written(found, tmp_path):
    files = write_headroom(found, tmp_path / "out")
    assert [path.name for path in files] == ["headroom.json", "headroom.csv", "headroom.svg", "headroom.png"]
    assert read_findings(tmp_path / "out" / "headroom.json") == found


def test_tables_show_chosen_and_named_pairs_only(found):
    tables = {table.name: table for table in headroom_tables(found, "here")}
    assert list(tables) == [f"headroom{part}-here" for part in ("", "-gains", "-oracle", "-networks", "-probes")]
    assert [row[2].text for row in tables["headroom-here"].rows] == ["l1 0.4, dense"]
    assert [row[0].text for row in tables["headroom-oracle-here"].rows] == ["l1 0.4 or dense", "all 3"]
    assert [cell.text for cell in tables["headroom-gains-here"].rows[0][-2:]] == ["+1.00 [+0.25, +1.75]", "< 0.001"]
    inputs = [row[0].text for row in tables["headroom-probes-here"].rows]
    assert inputs == ["block 0", "classifier", "confidence of l1 0.4"]
    assert tables["headroom-here"].notes == ("Something was left out.",)


def test_report_shows_findings_about_its_own_records_only(found, runs, tmp_path):
    write_headroom(found, runs.folder / "headroom")
    out = tmp_path / "report"
    write_report([runs.folder], out, ("md", "html", "latex"))
    assert (out / "headroom-digits-resnet20.svg").exists()
    page = (out / "index.html").read_text()
    assert "who gains it" in page and "slim &lt;b&gt;" in page and "slim <b>" not in page
    # A record that the findings are about is gone: they are not about this report.
    shutil.rmtree(runs.folder / found.networks[0].job)
    write_report([runs.folder], out, ("md",))
    assert "who gains it" not in (out / "report.md").read_text()
