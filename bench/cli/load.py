"""``bench load``: latency under arriving requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.choices import EXECUTORS
from bench.cli.command_line import typed_command
from bench.cli.options import EXECUTOR
from bench.cli.values import FOLDER, CommaSeparated, data_dir_option
from bench.errors import BadInput

ARRIVALS, POLICIES = ("poisson", "bursts"), ("none", "batch", "window", "group")
ARRIVE = "Some of poisson, bursts (8 at once)."
POLICY = (
    "Some of none (one by one), batch (what waits, up to --most), window (waits --window-ms for others), "
    "group (of what waits, images that go the same way)."
)
LIMIT = "What p99 of answers should keep: the highest rate within it is reported."
UTILISATION = "Of a server that answers one by one; below 1."


@click.command()
@click.argument("folders", nargs=-1, required=True, type=FOLDER, metavar="RUNS...")
@click.option("--arrivals", type=CommaSeparated(str, lambda context: ARRIVALS), default="poisson", help=ARRIVE)
@click.option("--policy", "policies", type=CommaSeparated(str, lambda context: POLICIES), default="none", help=POLICY)
@click.option("--utilisation", type=CommaSeparated(float), default="0.3,0.5,0.7,0.8,0.95", help=UTILISATION)
@click.option("--rate", "rates", type=CommaSeparated(float), help="Requests per second, in place of --utilisation.")
@click.option("--most", type=click.IntRange(min=2), default=8, show_default=True, help="Images of a batch.")
@click.option("--window-ms", type=click.FloatRange(min=0), default=2.0, show_default=True)
@click.option("--limit-ms", type=click.FloatRange(0, min_open=True), default=10.0, show_default=True, help=LIMIT)
@click.option("--seconds", type=click.FloatRange(0, min_open=True), default=60.0, show_default=True, help="A point.")
@click.option("--images", type=click.IntRange(min=2), default=500, show_default=True, help="Test images, in turns.")
@data_dir_option
@click.option("--executor", type=click.Choice(EXECUTORS), default="auto", show_default=True, help=EXECUTOR)
@click.option("--out", type=FOLDER, help="Where to; default: stress/ in the first RUNS.")
@click.pass_context
def load(context: click.Context, folders: tuple[Path, ...], out: Path | None, **options: Any) -> None:
    """Latency of the trained networks below RUNS where requests arrive at random: measured, and as theory predicts.

    One process asks, one serves. Needs a machine that does nothing else. What is measured is kept.
    """
    for names, known in ((options["arrivals"], ARRIVALS), (options["policies"], POLICIES)):
        if unknown := [name for name in names if name not in known]:
            raise BadInput(f"{unknown[0]!r} is none of {', '.join(known)}")
    shares, rates = options["utilisation"], options["rates"] or ()
    if not all(0 < share < 1 for share in shares) or not all(rate > 0 for rate in rates):
        raise BadInput("--utilisation takes shares between 0 and 1, --rate numbers above 0")
    from bench.measurement.load import Policy
    from bench.report.stress import write_stress
    from bench.zoo.load import LoadPlan, measure_load
    from bench.zoo.stress import load_subjects

    known_policies = {
        "none": Policy(),
        "batch": Policy(options["most"]),
        "window": Policy(options["most"], options["window_ms"]),
        "group": Policy(options["most"], alike=True),
    }
    policies = {name: known_policies[name] for name in options["policies"]}
    out = out or folders[0] / "stress"
    subjects, data = load_subjects(folders, options["data_dir"], options["executor"])
    same = {name: options[name] for name in ("arrivals", "seconds", "images", "executor", "limit_ms")}
    plan = LoadPlan(policies=policies, rates=rates, utilisations=shares, command=typed_command(context), **same)
    measure_load(subjects, data, plan, out, lambda line: click.echo(line, err=True))
    for path in write_stress(out):
        click.echo(path)
