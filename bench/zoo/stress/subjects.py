"""The networks that are put under stress, and what every row about them says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from bench.data import DataSet, load_data
from bench.data.recorded import data_options, require_same_data
from bench.errors import BadInput
from bench.execution import to_inference
from bench.networks.cascade import Cascade
from bench.networks.network import DynamicNetwork
from bench.records import MODEL_FILE, Record
from bench.records.merge import find_jobs
from bench.records.summary import summarise
from bench.system import environment
from bench.zoo.loading import load_pretrained

CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Subject:
    """A trained network with its record.

    Attributes:
        network: in the masked form, with gradients off.
        lowered: as a deployment runs it: its costs are what is reported.
        executor: what runs it: ``torch``, ``native``, ``triton`` or ``onnxruntime``.
    """

    folder: Path
    record: Record
    network: DynamicNetwork | Cascade
    lowered: nn.Module
    executor: str

    @property
    def job(self) -> str:
        """The name of its folder."""
        return self.folder.name

    def row(self, samples: pd.DataFrame, command: str) -> dict[str, Any]:
        """The columns that all tables of outcomes share."""
        return self.origin(command) | summarise(samples, self.record.macs_backbone)

    def origin(self, command: str) -> dict[str, Any]:
        """Which network it is, and where it is measured."""
        record = self.record
        described = environment.describe(CPU)
        packages = described["packages"]
        machine = f"{described['processor']}, {described['cores']} threads, torch {packages['torch']}"
        return {
            "job": self.job,
            **{name: getattr(record, name) for name in ("method", "dataset", "backbone", "point", "seed")},
            "executor": self.executor,
            "device": CPU.type,
            "machine": machine,
            "command": command,
            **environment.provenance(described),
        }


def load_subjects(
    folders: Sequence[Path], data_dir: Path | None, executor: str = "auto"
) -> tuple[list[Subject], DataSet]:
    """All trained networks below ``folders``, and the images that they were tested on.

    Raises:
        BadInput: no network, networks of different data, or images that are not the recorded ones.
    """
    found = {folder: record for folder, record in find_jobs(folders).items() if (folder / MODEL_FILE).exists()}
    if not found:
        raise BadInput(f"no trained network below {', '.join(map(str, folders))}")
    if len({(record.dataset, data_options(record)) for record in found.values()}) > 1:
        raise BadInput("these networks are about different data: give those of one data set")
    first = next(iter(found.values()))
    data = load_data(first.dataset, data_dir, data_options(first))
    return [_subject(folder, record, data, executor) for folder, record in sorted(found.items())], data


def _subject(folder: Path, record: Record, data: DataSet, executor: str) -> Subject:
    require_same_data(record, data)
    network = load_pretrained(folder, record, len(data.classes))
    lowered = to_inference(network, executor)
    return Subject(folder, record, network, lowered, lowered.executor)


def require_images(rows: pd.DataFrame, images: int, table: Path) -> None:
    """Raises BadInput where ``rows`` of ``table`` are about another number of images: they would not compare."""
    if other := sorted(set(rows["n_test"]) - {images}):
        raise BadInput(
            f"{table} is about {other[0]:,} images, not {images:,}: give --images {other[0]}, or another --out"
        )
