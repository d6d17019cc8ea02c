"""What the jobs of one run share in one process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from bench.data import DataSet
from bench.measurement.latency import DenseRival
from bench.runs.settings import Inputs, Settings, choose_device
from bench.system.distributed import world_size


@dataclass(frozen=True)
class Context:
    """The settings of a run, and what belongs to this process.

    Attributes:
        alone: whether no other job of this run uses the machine meanwhile.
        on_epoch: called with each epoch's row of ``train.csv``.
        rivals: dense forms that were made to be timed against, by the name of their backbone and their precision.
    """

    settings: Settings
    data: DataSet
    device: torch.device
    alone: bool = True
    on_epoch: Callable[[dict[str, Any]], None] = lambda row: None
    rivals: dict[tuple[str, str], DenseRival] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, data: DataSet, **rest: Any) -> Context:
        """With the device that the settings name.

        Args:
            rest: ``alone`` and ``on_epoch``.

        Raises:
            BadInput: a device that is not there.
        """
        return cls(settings, data, choose_device(settings.execution.device), **rest)

    @property
    def out(self) -> Path:
        """The folder of all jobs' folders."""
        return self.settings.out

    @property
    def inputs(self) -> Inputs:
        """What jobs read."""
        return self.settings.inputs

    def placement(self) -> dict[str, Any]:
        """Where and beside what this process runs, for the record."""
        placed = self.settings.placement
        return {
            "engine": placed.engine,
            "workers": placed.workers,
            "threads": torch.get_num_threads(),
            "gpus_per_job": placed.gpus_per_job,
            "compile": self.settings.execution.compile,
            "alone": self.alone,
            "processes": world_size(),
        }
