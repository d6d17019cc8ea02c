"""``bench decide``: which entry to ship."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.values import FOLDER
from bench.errors import BadInput, CheckFailed

PERCENTILES = ("50", "90", "99")
PREFER = "Of what is left: highest top-1, shortest latency, fewest MACs or smallest file."
POSITIVE = click.FloatRange(min=0, min_open=True)


@click.command()
@click.argument("folders", nargs=-1, required=True, type=FOLDER, metavar="RUNS...")
@click.option("--min-top1", type=click.FloatRange(0, 100), help="Percent, the mean over seeds.")
@click.option("--max-ms", type=POSITIVE, help="Milliseconds of one image alone.")
@click.option("--percentile", type=click.Choice(PERCENTILES), default="50", show_default=True, help="Of --max-ms.")
@click.option("--max-macs", type=POSITIVE, help="Mean MACs of an image, a plain number.")
@click.option("--max-mb", type=POSITIVE, help="Megabytes of the stored network.")
@click.option(
    "--prefer", type=click.Choice(["top1", "ms", "macs", "mb"]), default="top1", show_default=True, help=PREFER
)
def decide(
    folders: tuple[Path, ...],
    min_top1: float | None,
    max_ms: float | None,
    percentile: str,
    max_macs: float | None,
    max_mb: float | None,
    prefer: str,
) -> None:
    """Says which entry among the records in RUNS to ship, which fell out and why; exit code 1 where none is left.

    Seeds are pooled as in a report. What was not measured does not meet a limit. No network is run.
    """
    from bench.cli.terminal import table_console
    from bench.report.decide import PREFERENCES, Limits, best, decision_table, judge, machines
    from bench.report.results import load_groups
    from bench.report.tabular import to_console

    limits = Limits(min_top1, max_ms, int(percentile), max_macs, max_mb)
    if limits == Limits(percentile=limits.percentile):
        raise BadInput("say what it has to keep: --min-top1, --max-ms, --max-macs or --max-mb")
    verdicts = judge(load_groups(folders), limits)
    chosen = best(verdicts, prefer)
    table_console().print(to_console(decision_table(verdicts, chosen, limits.percentile)))
    for line in machines(verdicts) if max_ms is not None else ():
        click.echo(f"timed on: {line}")
    left = sum(not verdict.reasons for verdict in verdicts)
    if chosen is None:
        raise CheckFailed(f"none of {len(verdicts)} entries is within the limits")
    jobs = ", ".join(result.job for result in chosen.entry.results)
    click.echo(
        f"ship {chosen.entry.label}: {PREFERENCES[prefer]} of {left} within the limits, of {len(verdicts)} ({jobs})"
    )
