"""What a run tells every process that works for it: options, never tensors; data are loaded where they are needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from bench.data import DataOptions, DataSet, load_data
from bench.errors import BadInput
from bench.records import Record
from bench.runs.phases.job import Context
from bench.runs.plan.written import CANCELLED_FILE
from bench.system.distributed import processes


class Cancelled(KeyboardInterrupt):
    """Somebody called ``bench cancel``; no ``Exception``, so that no job takes it for a failure of its own."""


@dataclass(frozen=True)
class Settings:
    """Everything but the job that decides how a job is run, in whichever process.

    Attributes:
        folder: ``<out>/engine/<run>``: the plan and, for other engines than ``inline``, what submitit writes.
        shipped: trained networks to measure, see :class:`bench.runs.phases.job.Context`.
        device: ``auto``, ``cpu`` or ``cuda``, of the machine where a job runs.
        workers: at most so many jobs at once.
        threads: of each worker's processor operators.
        data_options: how images of files are read.
        checkpoint_s: see :class:`bench.runs.phases.job.Context`.
    """

    out: Path
    folder: Path
    dataset: str
    data_dir: Path | None
    device: str
    weights: Path | None
    command: str
    shipped: Mapping[str, tuple[Path, Record]]
    compile: bool
    executor: str
    deterministic: bool
    engine: str
    workers: int
    threads: int
    gpus_per_job: int
    data_options: DataOptions = field(default_factory=DataOptions)
    checkpoint_s: float = 600.0

    def load_data(self) -> DataSet:
        return load_data(self.dataset, self.data_dir, self.data_options)

    def context(self, data: DataSet, alone: bool, on_epoch: Callable[[dict], None] = lambda row: None) -> Context:
        """What a job needs in this process.

        Args:
            alone: whether no other job of this run uses the machine meanwhile.
        """
        placement = {
            "engine": self.engine,
            "workers": self.workers,
            "threads": torch.get_num_threads(),
            "gpus_per_job": self.gpus_per_job,
            "compile": self.compile,
            "alone": alone,
            "processes": processes(),
        }
        return Context(
            out=self.out,
            data=data,
            device=choose_device(self.device),
            weights=self.weights,
            command=self.command,
            shipped=self.shipped,
            compile=self.compile,
            executor=self.executor,
            deterministic=self.deterministic,
            checkpoint_s=self.checkpoint_s,
            placement=placement,
            on_epoch=on_epoch,
        )

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
