"""The options of ``bench run`` that say where its jobs run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.choices import ENGINES
from bench.errors import BadInput
from bench.runs.plan.written import RUNS

if TYPE_CHECKING:
    from bench.runs.settings import Execution, Inputs, Placement, Settings

ENGINE = "This process, worker processes of this machine, or a Slurm cluster. Times are taken behind all else, alone."
SLURM = "KEY=VALUE for submitit's SlurmExecutor: partition, account, time (minutes), cpus_per_task, ... Repeatable."


def engine_options(command: Callable) -> Callable:
    """Adds ``--engine``, ``--workers``, ``--gpus-per-job`` and ``--slurm`` to a command."""
    options = (
        click.option("--engine", type=click.Choice(ENGINES), default="inline", show_default=True, help=ENGINE),
        click.option("--workers", type=click.IntRange(min=1), help="At most so many jobs at once."),
        click.option("--gpus-per-job", type=click.IntRange(min=1), help="Default: 1 where jobs use CUDA."),
        click.option("--slurm", multiple=True, metavar="KEY=VALUE", help=SLURM),
    )
    for option in reversed(options):
        command = option(command)
    return command


def make_placement(engine: str, workers: int | None, gpus_per_job: int | None, slurm: dict, device: str) -> Placement:
    """Where the jobs of a new run go.

    Args:
        slurm: parameters of Slurm, see :func:`slurm_parameters`.

    Raises:
        BadInput: options that do not go together, or a device that is not there.
    """
    import torch

    from bench.runs.settings import Placement, choose_device

    if engine == "inline" and (workers or gpus_per_job):
        raise BadInput("--workers and --gpus-per-job are for --engine local and --engine slurm")
    if engine != "inline" and not workers:
        raise BadInput(f"--engine {engine} needs to know how many jobs may run at once: --workers N")
    if engine != "slurm" and slurm:
        raise BadInput("--slurm is for --engine slurm")
    workers = workers or 1
    if engine == "slurm":
        threads, on_cuda = slurm.get("cpus_per_task", 1), device == "cuda"
        if not isinstance(threads, int) or threads < 1:
            raise BadInput(f"--slurm cpus_per_task must be a whole number from 1, not {threads!r}")
    else:
        threads, on_cuda = max(1, torch.get_num_threads() // workers), choose_device(device).type == "cuda"
    return Placement(engine, workers, threads, gpus_per_job or int(on_cuda), slurm)


def make_settings(out: Path, command: str, inputs: Inputs, execution: Execution, placement: Placement) -> Settings:
    """The settings of a new run into ``out``."""
    from bench.runs.settings import Settings

    out = out if placement.engine == "inline" else out.resolve()
    folder = out / RUNS / f"{time.time_ns()}-{os.getpid()}"
    return Settings(out, folder, command, inputs, execution, placement)


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
