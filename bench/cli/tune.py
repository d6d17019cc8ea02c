"""``bench tune``: one trained network at another budget."""

from __future__ import annotations

import click

from bench.cli.options import device_option, executor_option, out_option, timing_option
from bench.cli.values import FOLDER, data_dir_option


@click.command()
@click.argument("job", type=FOLDER)
@click.option("--budget", type=click.FloatRange(0, 2, min_open=True), help="Mean MACs, a fraction of the dense ones.")
@click.option("--ms", type=click.FloatRange(0, min_open=True), help="Mean milliseconds of one image, as timed here.")
@data_dir_option
@device_option
@executor_option
@timing_option
@out_option
def tune(**options) -> None:
    """Sets the thresholds of the network in folder JOB on validation images, tests it, and writes a record of its own.

    For networks that stop early (exits, cascades) and for gates that decide by a threshold. Nothing is trained.
    """
    from bench.cli.running import tune

    tune(**options)
