"""``bench run``: make records."""

from __future__ import annotations

from pathlib import Path

import click

from bench.choices import DEVICES, EXECUTORS, SHIPPED, SHIPPED_FOLDER
from bench.cli.described import described_options
from bench.cli.options import engine_options
from bench.cli.values import FOLDER, SUITE, CommaSeparated, data_dir_option
from bench.runs.plan.suite import Suite

EXECUTOR = "What runs trained networks; auto: the compiled executor where it was built and can."
DETERMINISTIC = "Allow only operations that give the same bits every time on one machine."
CHECKPOINTS = "Between checkpoints within an epoch, where there are micro-batches. Default: 10."
SUITES = "A suite file, or a name from `bench list suites`; options override it."
MEMBERS = (
    "Folders of trained networks, the cheapest first, that --methods cascade is made of: nothing is trained, members "
    "and thresholds are chosen on validation images for each of --points."
)


@click.command()
@click.option("--suite", "suite_name", type=SUITE, help=SUITES)
@click.option(
    "--pretrained", type=FOLDER, is_flag=False, flag_value=SHIPPED,
    help=f"Measure the shipped networks below this folder. Default: {SHIPPED_FOLDER}, here or in the repository.",
)  # fmt: skip
@click.option("--members", type=CommaSeparated(Path), help=MEMBERS)
@described_options(Suite)
@data_dir_option
@click.option("--loader-workers", type=click.IntRange(min=0), help="Decode images (imagenet). Default: spare cores.")
@click.option("--prefetch", type=click.IntRange(min=1), default=2, help="Batches each keeps ready. Default: 2.")
@click.option("--checkpoint-minutes", type=click.FloatRange(min=0), default=10.0, help=CHECKPOINTS)
@click.option("--device", type=click.Choice(DEVICES), default="auto", show_default=True)
@click.option("--compile", "compile_", is_flag=True, help="Train through torch.compile.")
@click.option("--executor", type=click.Choice(EXECUTORS), default="auto", show_default=True, help=EXECUTOR)
@click.option("--deterministic", is_flag=True, help=DETERMINISTIC)
@click.option("--timing/--no-timing", default=True, show_default=True, help="Latency and throughput beside MACs.")
@click.option("--out", type=FOLDER, default=Path("runs"), show_default=True)
@click.option("--fresh", is_flag=True, help="Make these records anew, even if they exist.")
@engine_options
def run(**options) -> None:
    """Trains and measures METHODS beside their dense backbone; finished records are kept, unfinished ones continued."""
    from bench.cli.running import run

    run(**options)
