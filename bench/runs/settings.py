"""What a run tells every process that works for it: options, never tensors; data are loaded where they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from bench.data import DataOptions, DataSet, load_data
from bench.errors import BadInput
from bench.records import Record
from bench.runs.plan.written import CANCELLED_FILE


class Cancelled(KeyboardInterrupt):
    """Somebody called ``bench cancel``; no ``Exception``, so that no job takes it for a failure of its own."""


@dataclass(frozen=True)
class Inputs:
    """What jobs read.

    Attributes:
        data_dir: folder of data sets, or None where none was given.
        weights: file that backbones start from, or None.
        shipped: trained networks to measure, folder and record by the id of the job that measures them; members of
            cascades by the SHA-256 of their networks.
        data_options: how images of files are read.
    """

    dataset: str
    data_dir: Path | None = None
    weights: Path | None = None
    shipped: Mapping[str, tuple[Path, Record]] = field(default_factory=dict)
    data_options: DataOptions = field(default_factory=DataOptions)

    def load_data(self) -> DataSet:
        """The data set.

        Raises:
            BadInput: it is not there, or cannot be read.
        """
        return load_data(self.dataset, self.data_dir, self.data_options)


@dataclass(frozen=True)
class Execution:
    """How a job computes.

    Attributes:
        device: ``auto``, ``cpu`` or ``cuda``, of the machine where a job runs.
        compile: whether networks are trained through ``torch.compile``.
        executor: what runs the trained network: ``torch``, ``native``, ``triton``, ``onnxruntime``, or ``auto``:
            native where possible.
        deterministic: whether only operations that give the same bits every time are allowed.
        checkpoint_s: seconds between checkpoints within an epoch, where these are possible.
    """

    device: str = "auto"
    compile: bool = False
    executor: str = "auto"
    deterministic: bool = False
    checkpoint_s: float = 600.0


@dataclass(frozen=True)
class Placement:
    """Where jobs run; 0 is what was not said yet, see :func:`bench.runs.request.placed`.

    Attributes:
        engine: ``inline``, ``local`` or ``slurm``.
        workers: at most so many jobs at once.
        threads: of each worker's processor operators.
        slurm: parameters of submitit's SlurmExecutor: ``partition``, ``time`` (minutes), ``cpus_per_task``, ...
    """

    engine: str = "inline"
    workers: int = 0
    threads: int = 0
    gpus_per_job: int = 0
    slurm: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """Everything but the job that decides how a job is run, in whichever process.

    Attributes:
        folder: ``<out>/engine/<run>``: the plan and, for other engines than ``inline``, what submitit writes.
        command: as typed, for the record.
    """

    out: Path
    folder: Path
    command: str
    inputs: Inputs
    execution: Execution = field(default_factory=Execution)
    placement: Placement = field(default_factory=Placement)

    def check_cancelled(self) -> None:
        """Raises Cancelled once ``bench cancel`` was called."""
        if (self.folder / CANCELLED_FILE).exists():
            raise Cancelled


def choose_device(name: str) -> torch.device:
    """The device called ``name``; ``auto`` is CUDA where there is one.

    Raises:
        BadInput: ``cuda`` where there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise BadInput("--device cuda: this machine has no usable CUDA device")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
