"""Options that belong together, each group made by one decorator, for every command that takes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from bench.choices import DEVICES, ENGINES, EXECUTORS, SHIPPED, SHIPPED_FOLDER
from bench.cli.values import FILE, FOLDER, SUITE, CommaSeparated, data_dir_option
from bench.errors import BadInput

SUITES = "A suite file, or a name from `bench list suites`; options override it."
PRETRAINED = f"Measure the shipped networks below this folder. Default: {SHIPPED_FOLDER}, here or in the repository."
MEMBERS = (
    "Folders of trained networks, the cheapest first, that --methods cascade is made of: nothing is trained, members "
    "and thresholds are chosen on validation images for each of --points."
)
NETWORK = (
    "A dynamic network of your own, measured beside --methods (default: dense) without training: module:factory, or a "
    "name of the entry-point group bench.networks."
)
NETWORK_WEIGHTS = "Its weights: .safetensors, or a torch file of tensors alone."
EXECUTOR = (
    "What runs trained networks; auto: the compiled executor where it was built and can; triton: on a GPU; "
    "onnxruntime: needs the extra `export`."
)
DETERMINISTIC = "Allow only operations that give the same bits every time on one machine."
CHECKPOINTS = "Between checkpoints within an epoch, where there are micro-batches. Default: 10."
LOADERS = "Decode images (imagenet, folder, timm). Default: spare cores."
DOWNLOAD = "First fetch images that are free into --data-dir, unless they are there: cifar10, cifar100."
ENGINE = "This process, worker processes of this machine, or a Slurm cluster. Times are taken behind all else, alone."
SLURM = "KEY=VALUE for submitit's SlurmExecutor: partition, account, time (minutes), cpus_per_task, ... Repeatable."
TRACK = "A tracker that follows the run: tensorboard, mlflow, wandb, or a package's own. Repeatable."

Decorator = Callable[[Callable], Callable]


def _all(*options: Decorator) -> Decorator:
    """Several options as one decorator; help shows them in their order."""

    def add(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return add


device_option = click.option("--device", type=click.Choice(DEVICES), default="auto", show_default=True)
executor_option = click.option(
    "--executor", type=click.Choice(EXECUTORS), default="auto", show_default=True, help=EXECUTOR
)
timing_option = click.option(
    "--timing/--no-timing", default=True, show_default=True, help="Latency and throughput beside MACs."
)
track_option = click.option("--track", multiple=True, metavar="NAME", help=TRACK)
out_option = click.option("--out", type=FOLDER, default=Path("runs"), show_default=True)
source_options = _all(
    click.option("--suite", type=SUITE, help=SUITES),
    click.option("--pretrained", type=FOLDER, is_flag=False, flag_value=SHIPPED, help=PRETRAINED),
    click.option("--members", type=CommaSeparated(Path), help=MEMBERS),
    click.option("--network", metavar="MODULE:FACTORY", help=NETWORK),
    click.option("--weights", type=FILE, help=NETWORK_WEIGHTS),
)
"""Where jobs come from, other than from options of training."""
input_options = _all(
    data_dir_option,
    click.option("--loader-workers", type=click.IntRange(min=0), help=LOADERS),
    click.option("--download", is_flag=True, help=DOWNLOAD),
    click.option("--prefetch", type=click.IntRange(min=1), default=2, help="Batches each keeps ready. Default: 2."),
)
"""What becomes :class:`bench.runs.settings.Inputs`, beside what jobs say."""
execution_options = _all(
    click.option("--checkpoint-minutes", type=click.FloatRange(min=0), default=10.0, help=CHECKPOINTS),
    device_option,
    click.option("--compile", is_flag=True, help="Train through torch.compile."),
    executor_option,
    click.option("--deterministic", is_flag=True, help=DETERMINISTIC),
)
"""What becomes :class:`bench.runs.settings.Execution`."""
placement_options = _all(
    click.option("--engine", type=click.Choice(ENGINES), default="inline", show_default=True, help=ENGINE),
    click.option("--workers", type=click.IntRange(min=1), help="At most so many jobs at once."),
    click.option("--gpus-per-job", type=click.IntRange(min=1), help="Default: 1 where jobs use CUDA."),
    click.option("--slurm", multiple=True, metavar="KEY=VALUE", help=SLURM),
)
"""What becomes :class:`bench.runs.settings.Placement`."""


def slurm_parameters(given: tuple[str, ...]) -> dict:
    """``("time=60", "partition=gpu")`` as a mapping; whole numbers as such.

    Raises:
        BadInput: no KEY=VALUE.
    """
    parameters: dict = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise BadInput(f"--slurm takes KEY=VALUE, not {text!r}")
        parameters[key.removeprefix("slurm_")] = int(value) if value.isdecimal() else value
    return parameters
