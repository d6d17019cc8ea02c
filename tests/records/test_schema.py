"""The published schema is made from the fields, and holds for every record that is shipped."""

import json
from pathlib import Path

import pytest

from bench.records.schema import record_schema

ROOT = Path(__file__).parents[2]
RECORDS = sorted((ROOT / "results").glob("*/*/record.json"))


def test_the_committed_schema_is_up_to_date():
    """Otherwise: ``python -m bench.records.schema > docs/record.schema.json``."""
    assert json.loads((ROOT / "docs" / "record.schema.json").read_text()) == record_schema()


def test_every_shipped_record_keeps_it():
    jsonschema = pytest.importorskip("jsonschema")
    check = jsonschema.Draft202012Validator(record_schema())
    assert RECORDS
    for path in RECORDS:
        check.validate(json.loads(path.read_text()))


@pytest.mark.parametrize(
    "change", [{"top1": "90"}, {"macs_mean": None}, {"schema_version": 99}, {"unknown": 1}, {"seed": 0.5}]
)
def test_what_is_no_record_breaks_it(change):
    jsonschema = pytest.importorskip("jsonschema")
    record = json.loads(RECORDS[0].read_text()) | change
    assert not jsonschema.Draft202012Validator(record_schema()).is_valid(record)
