"""``bench run``: make records."""

from __future__ import annotations

from pathlib import Path

import click

from bench.choices import BUDGETS, DATASETS, DEVICES, EXECUTORS, PRECISIONS, SHIPPED, SHIPPED_FOLDER
from bench.cli.options import engine_options
from bench.cli.values import BACKBONE, FOLDER, METHODS, SUITE, WEIGHTS, CommaSeparated, data_dir_option
from bench.runs.plan.jobs import LEARNING_RATE_FACTORS

EXECUTOR = "What runs trained networks; auto: the compiled executor where it was built and can."
DETERMINISTIC = "Allow only operations that give the same bits every time on one machine."
START = (
    "Weights to start from: .safetensors, or a torch file, in our layout, public CIFAR ResNets' or timm's; `timm` "
    "downloads timm's (imagenet)."
)
MICRO_BATCH = "Images of a batch that are forwarded together: less memory, and what torchrun's processes share. 0: all."
CHECKPOINTS = "Between checkpoints within an epoch, where there are micro-batches. Default: 10."
MEAN = "What images are normalised with, as given weights may want it; red,green,blue. Default: the data set's own."
LABEL_SMOOTHING = "Share of the labels' weight that is spread over all classes. Default: 0."
SUITES = "A suite file, or a name from `bench list suites`; options override it."
MEMBERS = (
    "Folders of trained networks, the cheapest first, that --methods cascade is made of: nothing is trained, members "
    "and thresholds are chosen on validation images for each of --points."
)
TRIALS = "Trainings per record at other learning rates, of which validation chooses one. Default: 1."


@click.command()
@click.option("--methods", type=METHODS, help="Comma-separated; see `bench list methods`.")
@click.option(
    "--suite", "suite_name", type=SUITE, help="A suite file, or a name from `bench list suites`; options override it."
)
@click.option(
    "--pretrained", type=FOLDER, is_flag=False, flag_value=SHIPPED,
    help=f"Measure the shipped networks below this folder. Default: {SHIPPED_FOLDER}, here or in the repository.",
)  # fmt: skip
@click.option("--members", type=CommaSeparated(Path), help=MEMBERS)
@click.option("--dataset", type=click.Choice(DATASETS), help="Default: digits.")
@data_dir_option
@click.option("--backbone", type=BACKBONE, help="Default: chosen for the data set; see `bench list backbones`.")
@click.option("--points", type=CommaSeparated(float), help="Target fractions of the dense MACs, gates included.")
@click.option("--seeds", type=CommaSeparated(int), help="Default: 0.")
@click.option("--epochs", type=click.IntRange(min=0), help="Of every method; 0 evaluates what is given.")
@click.option("--backbone-epochs", type=click.IntRange(min=0), help="Of a backbone from scratch. Default: --epochs.")
@click.option("--budget", type=click.Choice(BUDGETS), help="Epochs where --epochs says nothing. Default: quick.")
@click.option("--backbone-weights", type=WEIGHTS, help=START)
@click.option("--mean", type=CommaSeparated(float), help=MEAN)
@click.option("--std", type=CommaSeparated(float), help="As --mean, which it belongs to.")
@click.option(
    "--distillation", type=click.FloatRange(0, 1), help="Weight of the dense network's outputs. Default: 0.5."
)
@click.option("--label-smoothing", type=click.FloatRange(0, 1), help=LABEL_SMOOTHING)
@click.option("--trials", type=click.IntRange(1, len(LEARNING_RATE_FACTORS)), help=TRIALS)
@click.option("--precision", type=click.Choice(PRECISIONS), help="Of training; tests are float32. Default: float32.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Of training. Default: by data set and budget.")
@click.option("--micro-batch", type=click.IntRange(min=0), help=MICRO_BATCH)
@click.option("--train-size", type=click.IntRange(min=0), help="Pixels of training images (imagenet). 0: as tested.")
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
