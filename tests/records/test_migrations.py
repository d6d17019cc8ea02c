"""Records of older layouts are read as today's."""

import json
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from bench.errors import BadInput
from bench.records import Record, migrations, read_record

COMMITTED = sorted((Path(__file__).parents[2] / "results").glob("*/*/record.json"))


def test_steps_lead_from_the_oldest_layout_to_todays_one_after_the_other(monkeypatch, tmp_path):
    values = json.loads(COMMITTED[0].read_text())
    oldest = values | {"schema_version": -1, "accuracy": values["top1"] / 100, "note": ""}
    del oldest["top1"]
    (tmp_path / "record.json").write_text(json.dumps(oldest))
    with pytest.raises(BadInput, match="schema version -1, this program reads 1"):
        read_record(tmp_path)

    def renamed(old):
        return {name: value for name, value in old.items() if name != "accuracy"} | {"top1": 100 * old["accuracy"]}

    def shorter(old):
        assert old["schema_version"] == 0 and "accuracy" not in old
        return {name: value for name, value in old.items() if name != "note"}

    monkeypatch.setattr(migrations, "UPGRADES", {-1: renamed, 0: shorter})
    found, expected = read_record(tmp_path), read_record(COMMITTED[0].parent)
    assert found.top1 == pytest.approx(expected.top1) and found.details == expected.details


@pytest.mark.parametrize("version", [None, [], "1", 2, 0.5])
def test_versions_that_nothing_leads_from_are_refused(version):
    assert migrations.upgraded({"schema_version": version}) is None


def test_columns_that_older_committed_records_lack_are_unknown_or_off():
    defaults = {one.name: one.default for one in fields(Record) if one.default is not MISSING}
    lacking = 0
    for path in COMMITTED:
        record, names = read_record(path.parent), json.loads(path.read_text()).keys()
        absent = {name for name in defaults if name not in names}
        assert all(getattr(record, name) == defaults[name] for name in absent)
        lacking += bool(absent)
    assert lacking > 0
