"""Tables beside records: a row for each network and condition, kept whatever else happens."""

import numpy as np
import pandas as pd
import pytest

from bench.errors import BadInput
from bench.records.conditions import ATTACKS, LOAD, SHIFTS, add_condition, find_conditions, read_conditions

KINDS = pytest.mark.parametrize("kind", [SHIFTS, ATTACKS, LOAD], ids=lambda kind: kind.file)
TEXTS = {"job", "method", "dataset", "backbone", "shift", "source", "attack", "attacked", "arrivals", "policy", "asked"}
TEXTS |= {"executor", "device", "machine", "command", "commit", "created_utc", "environment_id"}


def row(kind, number=1.0, **said):
    """A row of which every number is ``number``."""
    return {name: f"{name}-1" if name in TEXTS else number for name in kind.columns} | said


@KINDS
def test_what_was_added_is_read_again_and_the_key_tells_rows_apart(kind, tmp_path):
    path = tmp_path / kind.file
    add_condition(path, kind, row(kind, 0.25))
    for name in kind.key:
        add_condition(path, kind, row(kind, 0.5, **{name: "another" if name in TEXTS else 9}))
    found = read_conditions(path, kind)
    assert list(found.columns) == list(kind.columns) and len(found) == 1 + len(kind.key)
    assert found.iloc[0].to_dict() == row(kind, 0.25)


@KINDS
def test_a_row_of_the_same_key_takes_the_place_of_the_former(kind, tmp_path):
    path = tmp_path / kind.file
    for number in (1.0, 2.0):
        add_condition(path, kind, row(kind, number, job="first", **({"severity": 3} if kind is SHIFTS else {})))
        add_condition(path, kind, row(kind, 7.0, job="second"))
    found = read_conditions(path, kind).set_index("job")
    assert sorted(found.index) == ["first", "second"]
    assert found.loc["first", "top1"] == 2.0 and found.loc["second", "top1"] == 7.0


@KINDS
def test_no_file_is_no_rows(kind, tmp_path):
    assert len(read_conditions(tmp_path / kind.file, kind)) == 0
    assert list(find_conditions([tmp_path], kind, ["job-1"]).columns) == list(kind.columns)


@KINDS
def test_a_table_that_is_none_is_refused_and_stays(kind, tmp_path):
    path = tmp_path / kind.file
    whole = pd.DataFrame([row(kind)])
    for spoiled, says in (
        (whole.drop(columns="macs_fraction"), "column macs_fraction is missing"),
        (whole.assign(top1="high"), "column top1 holds other things than numbers"),
    ):
        spoiled.to_csv(path, index=False)
        before = path.read_bytes()
        with pytest.raises(BadInput, match=says):
            add_condition(path, kind, row(kind))
        assert path.read_bytes() == before
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="cannot read"):
        read_conditions(path, kind)


def test_rows_about_other_networks_stay_out_and_of_equal_keys_the_first_folder_counts(tmp_path):
    for folder, top1 in (("a", 1.0), ("b", 2.0)):
        (tmp_path / folder / "deep").mkdir(parents=True)
        for job in ("mine", f"only-in-{folder}", "foreign"):
            add_condition(tmp_path / folder / "deep" / SHIFTS.file, SHIFTS, row(SHIFTS, top1, job=job, severity=1))
    found = find_conditions([tmp_path / "a", tmp_path / "b"], SHIFTS, ["mine", "only-in-a", "only-in-b"])
    assert found.set_index("job")["top1"].to_dict() == {"mine": 1.0, "only-in-a": 1.0, "only-in-b": 2.0}
    assert found.index.tolist() == [0, 1, 2]


def test_what_could_not_be_measured_stays_unknown(tmp_path):
    path = tmp_path / LOAD.file
    add_condition(path, LOAD, row(LOAD, 1.0, peak_mb=None))
    add_condition(path, LOAD, row(LOAD, 2.0, asked="other"))
    assert np.isnan(read_conditions(path, LOAD)["peak_mb"].iloc[0])
    assert read_conditions(path, LOAD)["peak_mb"].iloc[1] == 2.0
