"""What a folder of shipped networks lacks: records, networks, rows of the tables beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.records import MODEL_FILE, RECORD_FILE, Record, find_records, table
from bench.records.regression import TableComparison, compare_tables, read_table
from bench.records.validity import is_quantised


def missing_parts(folder: Path) -> list[str]:
    """Networks below ``folder`` without a record, and records that were never published, one line each."""
    networks = {path.parent for path in folder.rglob(MODEL_FILE)}
    lacking = sorted(network for network in networks if not (network / RECORD_FILE).exists())
    records = find_records([folder])
    foreign = [path for path, record in records.items() if "shipped" not in record.details and not is_quantised(record)]
    return [f"{path.name}: a network without a record" for path in lacking] + [
        f"{path.name}: a record that was not made by `bench publish`" for path in foreign
    ]


def compare_with_tables(shipped: Mapping[Path, Record]) -> TableComparison:
    """The networks of each folder against the table beside it, ``FOLDER.csv``, where there is one."""
    total = TableComparison([], [], 0)
    for folder in sorted({path.parent for path in shipped}):
        beside = folder.absolute().parent / f"{folder.absolute().name}.csv"
        if beside.exists():
            records = [record for path, record in shipped.items() if path.parent == folder]
            found = compare_tables(read_table(beside), table(records))
            total.differences.extend(f"{beside.name}: {text}" for text in found.differences)
            total.unmatched.extend(f"{beside.name}: {text}" for text in found.unmatched)
    return total
