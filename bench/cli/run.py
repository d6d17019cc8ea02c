"""``bench run``: make records."""

from __future__ import annotations

import click

from bench.cli.described import described_options
from bench.cli.options import (
    execution_options,
    input_options,
    out_option,
    placement_options,
    source_options,
    timing_option,
    track_option,
)
from bench.runs.plan.suite import Suite


@click.command()
@source_options
@described_options(Suite)
@input_options
@execution_options
@timing_option
@out_option
@click.option("--fresh", is_flag=True, help="Make these records anew, even if they exist.")
@placement_options
@track_option
def run(**options) -> None:
    """Trains and measures METHODS beside their dense backbone; finished records are kept, unfinished ones continued."""
    from bench.cli.running import run

    run(**options)
