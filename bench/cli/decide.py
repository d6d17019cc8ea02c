"""``bench decide``: which entry to ship."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli.values import FOLDER
from bench.errors import BadInput, CheckFailed

PERCENTILES = ("50", "90", "99")
PREFER = "Of what is left: highest top-1, shortest latency, fewest MACs or smallest file."
AT_RATE = "Requests per second, and milliseconds that 99 % of the answers keep at that rate: of bench load."
POSITIVE = click.FloatRange(min=0, min_open=True)


@click.command()
@click.argument("folders", nargs=-1, required=True, type=FOLDER, metavar="RUNS...")
@click.option("--min-top1", type=click.FloatRange(0, 100), help="Percent, the mean over seeds.")
@click.option("--max-ms", type=POSITIVE, help="Milliseconds of one image alone.")
@click.option("--percentile", type=click.Choice(PERCENTILES), default="50", show_default=True, help="Of --max-ms.")
@click.option("--max-macs", type=POSITIVE, help="Mean MACs of an image, a plain number.")
@click.option("--max-mb", type=POSITIVE, help="Megabytes of the stored network.")
@click.option("--p99-at-rate", type=(POSITIVE, POSITIVE), metavar="RATE MS", help=AT_RATE)
@click.option(
    "--prefer", type=click.Choice(["top1", "ms", "macs", "mb"]), default="top1", show_default=True, help=PREFER
)
def decide(folders: tuple[Path, ...], prefer: str, percentile: str, **limited: Any) -> None:
    """Says which entry among the records in RUNS to ship, which fell out and why; exit code 1 where none is left.

    Seeds are pooled as in a report. What was not measured does not meet a limit. No network is run.
    """
    from bench.cli.terminal import table_console
    from bench.report.decide import PREFERENCES, Limits, best, decision_table, judge, machines
    from bench.report.results import load_groups
    from bench.report.served import find_served
    from bench.report.tabular import to_console

    rate, most = limited.pop("p99_at_rate") or (None, None)
    limits = Limits(percentile=int(percentile), max_p99=most, **limited)
    if limits == Limits(percentile=limits.percentile):
        raise BadInput("say what it has to keep: --min-top1, --max-ms, --max-macs, --max-mb or --p99-at-rate")
    groups = load_groups(folders)
    served = find_served(folders, [one for group in groups for one in group.entries], rate) if rate else None
    verdicts = judge(groups, limits, served)
    chosen = best(verdicts, prefer)
    table_console().print(to_console(decision_table(verdicts, chosen, limits.percentile, rate)))
    for line in machines(verdicts) if limits.max_ms is not None else ():
        click.echo(f"timed on: {line}")
    for line in served.machines() if served else ():
        click.echo(f"under load on: {line}")
    left = sum(not verdict.reasons for verdict in verdicts)
    if chosen is None:
        raise CheckFailed(f"none of {len(verdicts)} entries is within the limits")
    jobs = ", ".join(result.job for result in chosen.entry.results)
    click.echo(
        f"ship {chosen.entry.label}: {PREFERENCES[prefer]} of {left} within the limits, of {len(verdicts)} ({jobs})"
    )
