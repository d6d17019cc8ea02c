"""Measured time as a table, for the records that were timed."""

from __future__ import annotations

from functools import partial

from bench.report.entries import Entry
from bench.report.results import Group
from bench.report.tables import best, caption, machine, name_cell, status_cell
from bench.report.tabular import UNKNOWN, Cell, Column, Table
from bench.report.units import number, p_text
from bench.statistics import mann_whitney
from bench.system.validation import is_of

COLUMNS = (
    ("latency_ms_p50", "Latency p50 (ms)", "One image at a time, median", min),
    ("latency_ms_p90", "p90 (ms)", "90th percentile of the latency", min),
    ("latency_ms_p99", "p99 (ms)", "99th percentile of the latency", min),
    (
        "dense_latency_ms_p50",
        "Dense p50 (ms)",
        "The best stock form of the dense backbone, in the same interleaved rounds",
        None,
    ),
    ("throughput_ips", "Images/s", "In fixed batches", max),
    ("dense_throughput_ips", "Dense images/s", "The best stock form of the dense backbone", None),
    ("speedup_theoretical", "Speed-up, theoretical", "MACs of the dense backbone over mean MACs", None),
    ("speedup_latency", "Speed-up, latency", "Measured against the best stock form of the dense backbone", max),
    ("speedup_throughput", "Speed-up, throughput", "Measured against the best stock form of the dense backbone", max),
    (
        "speedup_latency_same_executor",
        "Latency, same executor",
        "Speed-up over the dense backbone in the executor that runs the method: what skipping alone brings",
        max,
    ),
    (
        "speedup_throughput_same_executor",
        "Throughput, same executor",
        "Speed-up over the dense backbone in the executor that runs the method: what skipping alone brings",
        max,
    ),
)


def rounds(entry: Entry) -> tuple[list[float], list[float]] | None:
    """Median latency (ms) of each interleaved round, of the entry and of its dense backbone, over all seeds."""
    timings = [result.record.details.get("timing", {}).get("latency_rounds_ms") for result in entry.results]
    if not all(is_of(timing, dict[str, list[float]]) and timing.keys() >= {"method", "dense"} for timing in timings):
        return None
    method, dense = ([value for timing in timings for value in timing[name]] for name in ("method", "dense"))
    return method, dense


def time_table(group: Group) -> Table | None:
    """Latency, throughput and realised speed-ups; None where nothing was timed.

    Seeds pool, and values compete for the best, within one machine.
    """
    if not group.timed:
        return None
    winners = {
        field: [
            entry
            for entries in group.timed.values()
            for entry in (best(entries, partial(Entry.mean, field=field), choose) if choose else [])
        ]
        for field, _, _, choose in COLUMNS
    }

    def row(entry: Entry) -> list[Cell]:
        measured = rounds(entry)
        p_value = mann_whitney(*measured) if measured else None
        values = ((field, entry.mean(field)) for field, *_ in COLUMNS)
        return [
            name_cell(entry),
            status_cell(entry),
            Cell(entry.origin),
            *(Cell(number(value), value, entry in winners[field]) for field, value in values),
            Cell(UNKNOWN if p_value is None else p_text(p_value), p_value),
            Cell(f"{entry.record.execution}, {entry.record.executor}"),
        ]

    return Table(
        name=f"time-{group.slug}",
        title=f"{group.name}: measured time",
        caption=f"{caption(group)} Means over the seeds that were timed, within one machine. p: Mann-Whitney U test of "
        "the median latencies of all rounds against the dense backbone's, two-sided, not adjusted. Best valid measured "
        "value of a column in bold.",
        columns=[
            Column("Method", numeric=False),
            Column("Status", "INVALID: the times must not be trusted, see the notes", numeric=False),
            Column("From", "Seeds, and commits where there are several", numeric=False),
            *(Column(heading, meaning) for _, heading, meaning, _ in COLUMNS),
            Column("p (Mann-Whitney)", "Whether the rounds differ from those of the dense backbone, two-sided"),
            Column(
                "Execution",
                "skipped: the work is not done; masked: it is multiplied by zero. torch: stock kernels; native: ours",
                numeric=False,
            ),
        ],
        rows=[row(entry) for entries in group.timed.values() for entry in entries],
        notes=[*_machines(group), *_left_out(group)],
    )


def _machines(group: Group) -> list[str]:
    """What machines are called in this table; nothing where there is one, which the caption names."""
    return [
        f"machine {name}: {machine(entries[0].record)} (environment {entries[0].record.environment_id})"
        for name, entries in group.timed.items()
        if name
    ]


def _left_out(group: Group) -> list[str]:
    """Dense forms that could not be raced, so that the best stock form is the best of fewer."""
    said: dict[str, list[str]] = {}
    for entry in (entry for entries in group.timed.values() for entry in entries):
        for result in entry.results:
            forms = (result.record.details.get("timing") or {}).get("dense_forms_left_out")
            for form, reason in forms.items() if forms and is_of(forms, dict[str, str]) else ():
                said.setdefault(f"dense form left out: {form} ({reason})", []).append(entry.label)
    return [f"{', '.join(dict.fromkeys(labels))} - {remark}" for remark, labels in said.items()]
