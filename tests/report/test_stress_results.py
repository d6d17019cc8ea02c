"""The committed tables on stress are those of the committed rows."""

from pathlib import Path

import pytest

from bench.records import find_records
from bench.records.conditions import ATTACKS, SHIFTS, read_conditions
from bench.report.stress import stress_text
from bench.report.tables.conditions import origins

RESULTS = Path(__file__).parents[2] / "results"


def test_notes_name_the_command_without_its_folders():
    rows = read_conditions(RESULTS / "stress" / SHIFTS.file, SHIFTS)
    (said,) = origins(rows.assign(command="bench stress runs/A runs/B --images 5"))
    assert said.startswith("bench stress RUNS --images 5; commit ")


def test_committed_tables_are_those_of_the_committed_rows():
    """Otherwise: ``bench stress`` with the command below the tables; it keeps what is measured."""
    assert (RESULTS / "stress" / "stress.md").read_text() == stress_text(RESULTS / "stress")


@pytest.mark.parametrize("kind", [SHIFTS, ATTACKS], ids=lambda kind: kind.file)
def test_rows_are_about_shipped_networks_and_say_where_they_come_from(kind):
    rows = read_conditions(RESULTS / "stress" / kind.file, kind)
    shipped = {folder.name: record for folder, record in find_records([RESULTS]).items()}
    assert len(rows) and set(rows["job"]) <= set(shipped)
    assert not rows[["command", "commit", "machine", "environment_id"]].isna().any(axis=None)
    assert not rows["commit"].str.contains("dirty").any()


def test_an_attack_stays_within_its_bound_and_its_cost_is_counted_independently():
    rows = read_conditions(RESULTS / "stress" / ATTACKS.file, ATTACKS)
    skipped = {folder.name for folder, record in find_records([RESULTS]).items() if record.execution == "skipped"}
    own = rows[(rows["attacked"] == rows["job"]) & rows["job"].isin(skipped)]
    assert (rows["moved"] <= rows["epsilon"]).all()
    assert len(own) and (own["counted"] > 0).all() and (own["counted_difference"] == 0).all()
