"""Which entry to ship: those within all limits, and why the others fell out. A pure function of records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench.errors import BadInput
from bench.records import MODEL_FILE
from bench.records.validity import CLAIMED, VALID, result_reasons, time_reasons, time_state
from bench.report.entries import Entry, Result
from bench.report.results import Group
from bench.report.served import Served
from bench.report.tables.results import machine
from bench.report.tabular import UNKNOWN, Cell, Column, Table
from bench.report.units import UNITS, number, significant

PREFERENCES = {"top1": "highest top-1", "ms": "shortest latency", "macs": "fewest MACs", "mb": "smallest file"}


@dataclass(frozen=True)
class Limits:
    """What an entry has to keep; None: no limit.

    Attributes:
        min_top1: percent, of the mean over seeds.
        max_ms: milliseconds of one image alone.
        percentile: of the images' latencies: 50, 90 or 99.
        max_macs: mean MACs of an image.
        max_mb: megabytes (10^6 bytes) of the stored network.
        max_p99: milliseconds of 99 % of the answers under load, at the rate that :func:`judge` is told about.
    """

    min_top1: float | None = None
    max_ms: float | None = None
    percentile: int = 50
    max_macs: float | None = None
    max_mb: float | None = None
    max_p99: float | None = None


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is known of an entry, and why it must not be shipped.

    Attributes:
        ms: milliseconds, mean over the seeds with valid times; of several machines the slowest. None: no valid times.
        mb: of the largest seed's file. None: its record does not say.
        p99: milliseconds under load. None: not measured, or not asked for.
        reasons: empty where it is within all limits.
    """

    entry: Entry
    top1: float
    macs: float
    ms: float | None
    mb: float | None
    reasons: tuple[str, ...]
    p99: float | None = None


def judge(groups: Sequence[Group], limits: Limits, served: Served | None = None) -> list[Verdict]:
    """One verdict for each entry, whose seeds are pooled as in a report.

    Args:
        served: what was measured under load; needed where its latency is limited.

    Raises:
        BadInput: records about several data sets, whose accuracies do not compare.
    """
    if len(titles := sorted({group.title for group in groups})) > 1:
        raise BadInput(f"these records are about {', '.join(titles)}: decide about one data set at a time")
    return [_verdict(entry, limits, served) for group in groups for entry in group.entries]


def best(verdicts: Sequence[Verdict], prefer: str) -> Verdict | None:
    """The entry to ship among those that fell out nowhere: the best by ``prefer``, then by the other measures."""

    def worth(verdict: Verdict) -> tuple[float, ...]:
        values = {"top1": -verdict.top1, "ms": verdict.ms, "macs": verdict.macs, "mb": verdict.mb}
        order = (prefer, *(name for name in PREFERENCES if name != prefer))
        return tuple(float("inf") if (value := values[name]) is None else value for name in order)

    return min((verdict for verdict in verdicts if not verdict.reasons), key=worth, default=None)


def decision_table(
    verdicts: Sequence[Verdict], chosen: Verdict | None, percentile: int, rate: float | None = None
) -> Table:
    """Every entry with its verdict; the one to ship first, then what else is left, then what fell out.

    Args:
        rate: requests per second that a latency under load is limited at.
    """
    ordered = sorted(verdicts, key=lambda verdict: (verdict is not chosen, bool(verdict.reasons)))
    return Table(
        name="decision",
        title="which entry to ship",
        caption="Means over seeds. Latency: one image at a time, over the seeds with valid times; of several machines "
        "the slowest. Size: the stored network's file, the largest seed's.",
        columns=[
            Column("Method", numeric=False),
            Column("Seeds"),
            Column("Top-1 (%)"),
            Column("MACs (M)"),
            Column(f"Latency p{percentile} (ms)"),
            Column("Size (MB)"),
            *([] if rate is None else [Column(f"p99 at {rate:g}/s (ms)")]),
            Column("Verdict", numeric=False),
        ],
        rows=[_row(verdict, verdict is chosen, rate is not None) for verdict in ordered],
    )


def _row(verdict: Verdict, chosen: bool, served: bool) -> list[Cell]:
    said = "ship" if chosen else "; ".join(verdict.reasons) or "within all limits"
    return [
        Cell(verdict.entry.label, best=chosen),
        Cell(str(len(verdict.entry.results))),
        Cell(number(verdict.top1), verdict.top1),
        Cell(significant(UNITS["macs"].millions(verdict.macs)), verdict.macs),
        Cell(number(verdict.ms, 3), verdict.ms),
        Cell(number(verdict.mb, 3), verdict.mb),
        *([Cell(number(verdict.p99, 3), verdict.p99)] if served else []),
        Cell(said, best=chosen),
    ]


def _verdict(entry: Entry, limits: Limits, served: Served | None) -> Verdict:
    field = f"latency_ms_p{limits.percentile}"
    valid = [part for part in entry.timed if time_state(part.record) == VALID]
    times = [ms for part in valid if (ms := part.mean(field)) is not None]
    sizes = [_megabytes(result) for result in entry.results]
    mb = None if None in sizes else max(size for size in sizes if size is not None)
    p99 = None if served is None else served.p99_ms(entry)
    known = Verdict(entry, entry.top1.value, entry.macs.value, max(times, default=None), mb, (), p99)
    return replace(known, reasons=tuple(_reasons(known, limits)))


def _reasons(known: Verdict, limits: Limits) -> Iterator[str]:
    if known.entry.claimed:
        yield f"{CLAIMED}, not measured here"
    if untrusted := result_reasons(known.entry.record):
        yield f"INVALID: {', '.join(untrusted)}"
    if limits.min_top1 is not None and known.top1 < limits.min_top1:
        yield f"top-1 {known.top1:.2f} % is below {limits.min_top1:g} %"
    if limits.max_ms is not None:
        yield from _time_reasons(known, limits.max_ms, limits.percentile)
    if limits.max_macs is not None and known.macs > limits.max_macs:
        yield f"{known.macs:,.0f} MACs are above {limits.max_macs:,.0f}"
    if limits.max_mb is not None and known.mb is None:
        yield "the size of its file is not known"
    elif limits.max_mb is not None and known.mb is not None and known.mb > limits.max_mb:
        yield f"{known.mb:.3f} MB are above {limits.max_mb:g} MB"
    if limits.max_p99 is not None and known.p99 is None:
        yield "not measured under that load"
    elif limits.max_p99 is not None and known.p99 is not None and known.p99 > limits.max_p99:
        yield f"p99 under load {known.p99:.3f} ms is above {limits.max_p99:g} ms"


def _time_reasons(known: Verdict, limit: float, percentile: int) -> Iterator[str]:
    timed = known.entry.timed
    if known.ms is not None and known.ms > limit:
        yield f"p{percentile} {known.ms:.3f} ms is above {limit:g} ms"
    elif known.ms is None:
        said = [reason for part in timed for reason in time_reasons(part.record)]
        yield f"times are INVALID: {'; '.join(dict.fromkeys(said)) or UNKNOWN}" if timed else "not timed"


def machines(verdicts: Sequence[Verdict]) -> list[str]:
    """Where the times of these entries were taken."""
    parts = [part for verdict in verdicts for part in verdict.entry.timed]
    return list(dict.fromkeys(machine(part.record) for part in parts))


def _megabytes(result: Result) -> float | None:
    size = (result.record.details.get("files", {}).get(MODEL_FILE) or {}).get("bytes")
    return size / 1e6 if isinstance(size, int) and not isinstance(size, bool) else None
