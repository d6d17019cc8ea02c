"""Columns of ``table.csv``: fields of the record, in the order of the contract."""

from dataclasses import fields
from pathlib import Path

from bench.records import COLUMNS, Record, find_records

CONTRACT = (
    "schema_version method dataset backbone point seed stage_epochs n_test top1 top1_low top1_high macs_mean macs_std "
    "macs_p5 macs_p50 macs_p95 gate_macs_mean macs_backbone macs_fraction params latency_ms_p50 latency_ms_p90 "
    "latency_ms_p99 throughput_ips dense_latency_ms_p50 dense_throughput_ips speedup_theoretical speedup_latency "
    "speedup_throughput execution device threads precision reported_top1 reported_macs reported_source valid "
    "invalid_reasons command commit created_utc environment_id"
).split()
RESULTS = Path(__file__).parents[2] / "results"


def test_columns_begin_with_the_contract_and_are_the_fields_of_a_record():
    assert COLUMNS[: len(CONTRACT)] == CONTRACT
    assert [declared.name for declared in fields(Record)] == [*COLUMNS, "details"]


def test_a_new_field_is_a_new_column(tmp_path):
    """The one line that a column takes."""
    source = (Path(__file__).parents[2] / "bench" / "records" / "record.py").read_text()
    marker = "    details: dict[str, Any]"
    assert source.count(marker) == 1
    changed = source.replace(marker, f'    joules: float | None = column("Of one image.", None)\n{marker}')
    names: dict = {"__name__": "bench.records.record"}
    exec(compile(changed, "record.py", "exec"), names)
    assert names["COLUMNS"] == [*COLUMNS, "joules"]


def test_committed_records_are_read():
    records = find_records([RESULTS])
    assert records and all(record.schema_version == 1 for record in records.values())
