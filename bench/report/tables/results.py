"""Records as tables: accuracy beside computation, and time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import rich.box
import rich.markup
import rich.table

from bench.records import Record
from bench.records.points import misses_point
from bench.records.validity import (
    CLAIMED,
    INVALID,
    VALID,
    is_claimed,
    result_reasons,
    time_reasons,
    time_state,
    time_text,
)
from bench.report.entries import Entry, counted, note
from bench.report.results import Group
from bench.report.tabular import UNKNOWN, Cell, Column, Table
from bench.report.units import Unit, interval, number, significant
from bench.statistics import pareto_front

INTERVALS = (
    "95 % intervals. One seed: over images, top-1 by Wilson and the cost by percentile bootstrap. Several seeds: over "
    "seeds and images together, by their mixed model; they do not leave 0 to 100 %. Seeds of equal training pool, "
    "also across commits and machines."
)


def results_table(group: Group, unit: Unit) -> Table:
    """Accuracy and computation of every entry, reported numbers in columns of their own."""
    entries, name = group.entries, unit.name
    sources = list(dict.fromkeys(entry.record.reported_source for entry in entries if entry.record.reported_source))
    best_top1 = best(entries, lambda entry: entry.top1.value, max)
    best_macs = best(entries, lambda entry: entry.macs.value, min)
    fronts = front_marks(entries, mean_macs)

    def row(entry: Entry) -> list[Cell]:
        record, macs, seeds = entry.record, entry.macs.value, len(entry.results)
        low, high = entry.known("macs_p5"), entry.known("macs_p95")
        gates, params = entry.mean("gate_macs_mean"), entry.mean("params")
        reported = None if record.reported_macs is None else unit.millions(record.reported_macs)
        return [
            name_cell(entry),
            status_cell(entry),
            Cell(entry.time_text, invalid=INVALID.upper() in entry.time_text),
            Cell(entry.origin),
            Cell(interval(entry.top1, seeds, number), entry.top1.value, entry in best_top1),
            Cell(interval(entry.macs, seeds, lambda v: significant(unit.millions(v))), macs, entry in best_macs),
            Cell(f"{significant(unit.millions(low))}-{significant(unit.millions(high))}", high - low),
            Cell(fraction_text(entry), entry.mean("macs_fraction"), entry in best_macs),
            Cell(
                UNKNOWN if gates is None else f"{significant(unit.millions(gates), 3)} ({100 * gates / macs:.2f} %)",
                gates,
            ),
            Cell(UNKNOWN if params is None else number(params / 1e6, 3), params),
            Cell(fronts[entry]),
            Cell(", ".join(_distinct(result.record.execution for result in entry.results))),
            Cell(number(record.reported_top1), record.reported_top1),
            Cell(significant(reported), reported),
            Cell(f"[{sources.index(record.reported_source) + 1}]" if record.reported_source else UNKNOWN),
        ]

    return Table(
        name=f"results-{group.slug}",
        title=f"{group.name}: accuracy and {name} per image",
        caption=f"{caption(group)} {INTERVALS} Best valid measured value of a column in bold.",
        columns=_columns(name),
        rows=[row(entry) for entry in entries],
        notes=[*remarks(group), *(f"[{index}] {source}" for index, source in enumerate(sources, 1))],
    )


def _columns(name: str) -> list[Column]:
    return [
        Column("Method", numeric=False),
        Column("Status", "Of accuracy and cost; missed: it costs something else than its point asks", numeric=False),
        Column("Time", "Whether times were taken, and may be trusted: see the table of times", numeric=False),
        Column("From", "Seeds, and commits and machines where there are several", numeric=False),
        Column("Top-1 (%)", "Accuracy on the test images, with its 95 % interval"),
        Column(f"{name}/image (M)", f"Mean {name} over test images, gates included, with its 95 % interval"),
        Column("p5-p95 (M)", f"5th to 95th percentile of {name} over test images"),
        Column("Fraction", f"Mean {name} as a fraction of the dense backbone's"),
        Column(f"Gates (M {name})", f"Mean {name} of the gates alone, and their share of the sum"),
        Column("Params (M)", "Parameters, gates included"),
        Column("Pareto", f"Whether no other valid entry has as much accuracy for as few {name}", numeric=False),
        Column("Execution", "skipped: the work is not done; masked: it is done and multiplied by zero", numeric=False),
        Column("Reported top-1 (%)", "As published, not measured here"),
        Column(f"Reported {name} (M)", "As published, not measured here"),
        Column("Reported in", "Number of the source in the notes", numeric=False),
    ]


def name_cell(entry: Entry) -> Cell:
    """Method and point, leading to the record's details."""
    return Cell(entry.label, target=f"record-{entry.results[0].job}")


def status_cell(entry: Entry) -> Cell:
    """VALID, INVALID or claimed, never left to the reader, and whether it missed its operating point."""
    if not entry.valid:
        return Cell(INVALID.upper(), invalid=True)
    if entry.claimed:
        return Cell(CLAIMED)
    return Cell(VALID.upper() + (", missed its point" if entry.missed else ""))


def fraction_text(entry: Entry) -> str:
    """Share of the dense backbone's MACs, and beside it the point where it should have been."""
    return number(entry.mean("macs_fraction"), 3) + (f" (not {entry.record.point:g})" if entry.missed else "")


def front_marks(entries: Sequence[Entry], cost: Callable[[Entry], float]) -> dict[Entry, str]:
    """``front`` or ``dominated`` in accuracy and ``cost`` for each entry that was measured and is valid."""
    valid = [entry for entry in entries if entry.comparable]
    kept = pareto_front([cost(entry) for entry in valid], [entry.top1.value for entry in valid])
    marks = {entry: "front" if on_front else "dominated" for entry, on_front in zip(valid, kept)}
    return {entry: marks.get(entry, UNKNOWN) for entry in entries}


def mean_macs(entry: Entry) -> float:
    """The cost that tables order by."""
    return entry.macs.value


def caption(group: Group) -> str:
    """Data, split and machine, from the records themselves."""
    records = [result.record for result in group.results]
    data = "; ".join(_distinct(note(record.details, "data") for record in records))
    images = ", ".join(_distinct(f"{record.n_test:,}" for record in records))
    counted = group.title if group.title != group.dataset else f"{group.dataset}, {images} test images"
    return (
        f"Data: {counted}{f' ({data})' if data else ''}; backbone {group.backbone}. "
        f"Machine: {'; '.join(_distinct(machine(record) for record in records))}."
    )


def machine(record: Record) -> str:
    """Processor or accelerator, threads, precision and the version of torch."""
    if is_claimed(record):
        return CLAIMED
    environment = record.details.get("environment") or {}
    chip = environment.get("accelerator") or environment.get("processor") or record.device
    torch = (environment.get("packages") or {}).get("torch", "")
    threads = counted(record.threads or 0, "thread")
    return f"{chip}, {threads}, {record.precision}{f', torch {torch}' if torch else ''}"


def remarks(group: Group) -> list[str]:
    """What makes an entry's numbers invalid, where its weights come from, how long it was trained: each once."""
    said: dict[str, list[str]] = {}
    for entry in group.entries:
        for record in (result.record for result in entry.results):
            for what, reasons in (("INVALID", result_reasons(record)), ("time INVALID", time_reasons(record))):
                if reasons:
                    said.setdefault(f"{what}: {'; '.join(reasons)}", []).append(entry.label)
            if start := note(record.details, "start"):
                said.setdefault(f"start: {start}", []).append(entry.label)
            said.setdefault(f"epochs: {record.stage_epochs or 'none'}", []).append(entry.label)
            for warning in record.details.get("warnings") or []:
                said.setdefault(f"warning: {warning}", []).append(entry.label)
    everyone = {entry.label for entry in group.entries}
    named = {
        remark: "all" if set(found) == everyone else ", ".join(dict.fromkeys(found)) for remark, found in said.items()
    }
    return [f"{names} - {remark}" for remark, names in named.items()]


def console_table(records: Iterable[Record]) -> rich.table.Table:
    """What ``bench run`` ends with: three lines for each record, MACs in millions, fit for 80 columns."""
    note = (
        "Top-1 in percent [Wilson's 95 % interval], and whether it and the cost may be trusted. MACs per image in "
        "millions: mean ± std [5th, 95th percentile]. Frac.: of the dense backbone's MACs; missed: not what the point "
        "asks. Speed-up over the dense backbone in the same executor: theoretical, below it measured latency / "
        "throughput, and whether the time may be trusted."
    )
    records = list(records)
    places = dict.fromkeys(f"{record.title} / {record.backbone}" for record in records)
    table = rich.table.Table(box=rich.box.SIMPLE, caption=note, padding=0, pad_edge=False)
    if len(places) == 1:  # Above the columns, which it must not widen.
        table.title = f"[bold]{rich.markup.escape(next(iter(places)))}[/bold]"
    table.add_column("Method", overflow="fold")  # a long name goes on below, numbers are never cut
    for heading in ("Top-1", "MACs", "Frac.", "Gates", "Speed-up"):
        table.add_column(heading, justify="right", no_wrap=True)
    place = table.title and next(iter(places))
    for record in records:
        if place != (place := f"{record.title} / {record.backbone}"):
            table.add_row(f"[bold]{rich.markup.escape(place)}[/bold]")
        table.add_row(*map(rich.markup.escape, _console_cells(record)))
    return table


def _console_cells(record: Record) -> tuple[str, ...]:
    point = "" if record.point is None else f" {record.point:g}"
    macs = (record.macs_mean, record.macs_std, record.macs_p5, record.macs_p95)
    mean, spread, low, high = (value / 1e6 for value in macs)
    return (
        f"{record.method}{point}\n  seed {record.seed}\n  {_execution(record)}",
        f"{record.top1:.2f}\n[{record.top1_low:.1f}, {record.top1_high:.1f}]\n"
        f"{'CLAIMED' if is_claimed(record) else (INVALID if result_reasons(record) else VALID).upper()}",
        f"{significant(mean)} ± {significant(spread, 3)}\n[{significant(low, 3)}, {significant(high, 3)}]",
        number(record.macs_fraction, 3) + ("\nmissed" if misses_point(record.macs_fraction, record.point) else ""),
        significant(None if record.gate_macs_mean is None else record.gate_macs_mean / 1e6, 2),
        f"{number(record.speedup_theoretical)}\n"
        f"{number(record.skipping_speedup_latency)} / {number(record.skipping_speedup_throughput)}\n"
        f"{time_text(time_state(record))}",
    )


def _execution(record: Record) -> str:
    return ", ".join(filter(None, (record.execution, record.executor)))


def best(entries: Sequence[Entry], value: Callable[[Entry], float | None], choose: Callable) -> list[Entry]:
    """The valid entries that share the best value."""
    known = [(value(entry), entry) for entry in entries if entry.comparable and value(entry) is not None]
    best = choose((found for found, _ in known), default=None)
    return [entry for found, entry in known if found == best]


def _distinct(texts: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text]
