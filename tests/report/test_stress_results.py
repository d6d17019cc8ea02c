"""The committed tables on stress are those of the committed rows."""

from pathlib import Path

import pandas as pd
import pytest

from bench.records import find_records
from bench.records.conditions import ATTACKS, LOAD, SHIFTS, add_condition, read_conditions
from bench.report import write_report
from bench.report.plots.shift import shift_plot
from bench.report.results import load_groups
from bench.report.stress import stress_text
from bench.report.tables.conditions import origins
from bench.report.tables.load import load_tables

RESULTS = Path(__file__).parents[2] / "results"


def test_notes_name_the_command_without_its_folders():
    rows = read_conditions(RESULTS / "stress" / SHIFTS.file, SHIFTS)
    (said,) = origins(rows.assign(command="bench stress runs/A runs/B --images 5", commit="1a7b12d"))
    assert said.startswith("bench stress RUNS --images 5; commit ")


@pytest.mark.parametrize("folder", ["stress", "serving"])
def test_committed_tables_are_those_of_the_committed_rows(folder):
    """Otherwise: ``bench stress`` or ``bench load`` with the command below the tables; it keeps what is measured."""
    assert (RESULTS / folder / "stress.md").read_text() == stress_text(RESULTS / folder)


@pytest.mark.parametrize("folder, kind", [("stress", SHIFTS), ("stress", ATTACKS), ("serving", LOAD)])
def test_rows_are_about_shipped_networks_and_say_where_they_come_from(folder, kind):
    rows = read_conditions(RESULTS / folder / kind.file, kind)
    shipped = {path.name for path in find_records([RESULTS])}
    assert len(rows) and set(rows["job"]) <= set(shipped)
    assert not rows[["command", "commit", "machine", "environment_id"]].isna().any(axis=None)
    assert not rows["commit"].str.contains("dirty").any()


def test_an_attack_stays_within_its_bound_and_its_cost_is_counted_independently():
    rows = read_conditions(RESULTS / "stress" / ATTACKS.file, ATTACKS)
    skipped = {folder.name for folder, record in find_records([RESULTS]).items() if record.execution == "skipped"}
    own = rows[(rows["attacked"] == rows["job"]) & rows["job"].isin(skipped)]
    assert (rows["moved"] <= rows["epsilon"]).all()
    assert len(own) and (own["counted"] > 0).all() and (own["counted_difference"] == 0).all()


ORIGIN = dict.fromkeys(("machine", "command", "commit", "environment_id", "executor", "device", "created_utc"), "x")


def _row(kind, job, **told):
    known = {"job": job, "method": "skipnet", "dataset": "digits", "backbone": "resnet20", "point": 0.5}
    return dict.fromkeys(kind.columns, 1.0) | ORIGIN | known | told


def test_report_and_page_show_shift_attack_and_load(runs, tmp_path):
    runs.add("skipnet", point=0.5, dynamic=True)
    (job,) = (folder.name for folder in find_records([runs.folder]))
    for shift, severity in (("clean", 0), ("fog", 3)):
        add_condition(
            runs.folder / SHIFTS.file, SHIFTS, _row(SHIFTS, job, shift=shift, severity=severity, source="here")
        )
    for attack, attacked in (("none", "none"), ("cost", job)):
        add_condition(runs.folder / ATTACKS.file, ATTACKS, _row(ATTACKS, job, attack=attack, attacked=attacked))
    add_condition(runs.folder / LOAD.file, LOAD, _row(LOAD, job, arrivals="poisson", policy="none", asked="0.3"))
    write_report([runs.folder], tmp_path, ("md", "html"))
    page, text = (tmp_path / "index.html").read_text(), (tmp_path / "report.md").read_text()
    for name in "shift shift-sense shift-each attack attack-transfer load limit service".split():
        assert f'id="{name}-digits-resnet20"' in page
    assert "how much decisions vary on shifted test images" in page and "shift-digits-resnet20.svg" in text
    assert "latency under arrivals" in text and "changed to raise the cost" in text and "every shift" in text


def test_plot_shows_means_over_shifts_against_severity(runs):
    runs.add("skipnet", point=0.5, dynamic=True)
    groups = load_groups([runs.folder])
    found = (("clean", 0, 90.0), ("fog", 3, 60.0), ("snow", 3, 40.0), ("fog", 5, 20.0))
    rows = pd.DataFrame(
        [
            _row(SHIFTS, "a", shift=shift, severity=severity, top1=top1, macs_fraction=0.5, entropy=None)
            for shift, severity, top1 in found
        ]
    )
    top1, macs, entropy = shift_plot(groups[0], groups, rows).axes
    assert top1.lines[0].get_xydata().tolist() == [[0, 90], [3, 50], [5, 20]]
    assert macs.lines[0].get_ydata().tolist() == [0.5, 0.5, 0.5] and not len(entropy.lines[0].get_xydata())
    assert shift_plot(groups[0], groups, rows[rows["severity"] == 0]) is None


def test_tables_say_what_was_near_its_prediction_and_which_rate_keeps_the_limit():
    measured = ((0.3, 2.0, 1.0), (0.5, 2.2, 1.0), (0.8, 9.0, 4.0), (0.95, 50.0, 1.0))
    rows = pd.DataFrame(
        [
            _row(LOAD, "a", arrivals="poisson", policy="none", rate=100 * share, utilisation=share, mean_ms=mean,
                 p99_ms=2 * mean, file_mean_ms=2.0, formula_ms=2.1, service_ms_in_run=ran, limit_ms=5.0, energy_mj=None)
            for share, mean, ran in measured
        ]
    )  # fmt: skip
    latency, limit, service = load_tables(rows, "name", "slug")
    assert "in file 2 of 3; by the formula 2 of 3, of those that were quiet 2 of 2." in latency.notes[0]
    assert [row[-1].text for row in latency.rows] == ["yes", "yes", "no: services took 4.00 ms", "yes"]
    assert [cell.text for cell in limit.rows[0]][2:4] == ["50", "95"]
    assert service.rows[0][-1].text == "not measured"
