"""``bench quantise``: trained networks in int8."""

from __future__ import annotations

import click

from bench.cli.options import out_option, timing_option
from bench.cli.values import FOLDER, data_dir_option


@click.command()
@click.argument("jobs", type=FOLDER, nargs=-1, required=True, metavar="RUN...")
@data_dir_option
@timing_option
@out_option
def quantise(**options) -> None:
    """Quantises the trained networks in folders RUN to int8, tests them in ONNX Runtime, and writes a record of each.

    For networks that decide nothing, such as dense or l1; calibrated on training images. Nothing is trained.
    """
    from bench.cli.running import quantise

    quantise(**options)
