"""Networks in int8 beside what they were quantised from."""

from __future__ import annotations

from bench.records.validity import is_quantised
from bench.report.entries import Entry
from bench.report.results import Group
from bench.report.tables.comparisons import compare
from bench.report.tables.results import caption, name_cell, status_cell
from bench.report.tabular import UNKNOWN, Cell, Column, Table
from bench.report.units import number
from bench.report.verdict import points, valid_times
from bench.system.validation import is_of

KILOBYTE = 1e3


def quantised_table(group: Group) -> Table | None:
    """Accuracy, size and time of every network in int8; None where there is none."""
    entries = [entry for entry in group.entries if is_quantised(entry.record)]
    if not entries:
        return None
    return Table(
        name=f"quantised-{group.slug}",
        title=f"{group.name}: int8",
        caption=f"{caption(group)} Quantised after training, calibrated on training images, run in ONNX Runtime. MACs "
        "are as many as in float32, of int8. Sizes are of ONNX files. The difference is paired by image, with its 95 % "
        "interval over images, where the float32 network is in this report, too.",
        columns=[
            Column("Method", numeric=False),
            Column("Status", "Of accuracy and cost", numeric=False),
            Column("Top-1 float32 (%)"),
            Column("Top-1 int8 (%)"),
            Column("Δ top-1 (points)", "int8 minus float32, with its 95 % interval"),
            Column("MACs of the backbone's", "Of int8, as many as in float32"),
            Column("File float32 (kB)"),
            Column("File int8 (kB)"),
            Column("Latency p50 (ms)", "One image alone, where the time is valid"),
            Column("Latency, same executor", "Times as fast as the float32 backbone in ONNX Runtime, one image"),
        ],
        rows=[_row(entry, group) for entry in entries],
    )


def _row(entry: Entry, group: Group) -> list[Cell]:
    sizes, origin = (entry.record.details.get(name) or {} for name in ("quantised", "quantised_from"))
    sources = [one for one in group.entries if any(result.job == origin.get("job") for result in one.results)]
    difference = compare(entry, sources[0]).difference if sources else None
    before = origin["top1"] if is_of(origin.get("top1"), float) else None
    timed = valid_times(entry)
    return [
        name_cell(entry),
        status_cell(entry),
        Cell(number(before), before),
        Cell(number(entry.top1.value), entry.top1.value),
        Cell(points(difference), difference.value) if difference else Cell(UNKNOWN),
        Cell(number(entry.mean("macs_fraction"), 3), entry.mean("macs_fraction")),
        *(_size(sizes.get(name)) for name in ("float_bytes", "bytes")),
        *(_time(timed, name) for name in ("latency_ms_p50", "speedup_latency_same_executor")),
    ]


def _size(value: object) -> Cell:
    return Cell(f"{value / KILOBYTE:.0f}", value / KILOBYTE) if isinstance(value, int) else Cell(UNKNOWN)


def _time(timed: list[Entry], field: str) -> Cell:
    value = timed[0].mean(field) if timed else None
    return Cell("not measured" if value is None else number(value), value)
