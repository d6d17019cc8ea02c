"""Trained networks that are shipped: rounded to half precision, measured as rounded, and loaded again.

A shipped network is a job's folder like any other: ``record.json``, ``samples.parquet``, ``train.csv`` and
``model.safetensors``. Its numbers are those of the rounded network, so anybody can measure them again;
``details["shipped"]`` holds what the network measured before it was rounded.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from bench.data import DataSet
from bench.data.recorded import require_same_data
from bench.errors import BadInput
from bench.execution.skipping import lower
from bench.measurement.evaluation import evaluate
from bench.methods import load_method
from bench.networks.backbones import build_backbone
from bench.networks.network import DynamicNetwork
from bench.records import (
    MODEL_FILE,
    SAMPLES_FILE,
    TRAINING_FILE,
    Record,
    find_records,
    require_recorded_file,
    write_record,
)
from bench.records.summary import measured
from bench.system.files import write_atomically


def publish(folder: Path, record: Record, data: DataSet, out: Path) -> Record:
    """Rounds the network of one job, measures it as rounded, and writes it all to ``out/<job-id>/``.

    Returns:
        The record of the rounded network.

    Raises:
        BadInput: a network that cannot be read, a data set that is not the recorded one, or a full disk.
    """
    require_same_data(record, data)
    weights = {name: _rounded(tensor) for name, tensor in _read(folder / MODEL_FILE).items()}
    target = out / folder.name
    target.mkdir(parents=True, exist_ok=True)
    write_atomically(target / MODEL_FILE, lambda path: path.write_bytes(save(weights)))
    samples = remeasure(build(record, weights, len(data.classes)), data)
    write_atomically(target / SAMPLES_FILE, lambda path: samples.to_parquet(path, index=False, compression="zstd"))
    if (folder / TRAINING_FILE).exists():
        write_atomically(target / TRAINING_FILE, lambda path: shutil.copyfile(folder / TRAINING_FILE, path))
    shipped = {"weights": "float16", "before_rounding": {"top1": record.top1, "macs_mean": record.macs_mean}}
    rounded = replace(record, **measured(samples, record.macs_backbone), details=record.details | {"shipped": shipped})
    return write_record(target, rounded)


def find_pretrained(folder: Path) -> dict[Path, Record]:
    """All shipped networks below ``folder``, by the folder of their job.

    Raises:
        BadInput: no such folder, no network in it, or a record that cannot be read.
    """
    found = {path: record for path, record in find_records([folder]).items() if "shipped" in record.details}
    if not found:
        raise BadInput(f"no shipped networks below {folder}")
    return found


def load_pretrained(folder: Path, record: Record, classes: int) -> DynamicNetwork:
    """The network of a job's folder, in evaluation mode, with gradients off.

    Raises:
        BadInput: the file is missing, damaged, not the one that was recorded, or does not fit its record.
    """
    require_recorded_file(folder, MODEL_FILE, record)
    return build(record, _read(folder / MODEL_FILE), classes)


def build(record: Record, weights: dict[str, Tensor], classes: int) -> DynamicNetwork:
    """The network that ``record`` is about, with ``weights``.

    Raises:
        BadInput: weights of another network.
    """
    backbone = build_backbone(record.backbone, classes, record.dataset)
    network = load_method(record.method).build(backbone, record.point)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise BadInput(f"the weights are not those of {record.method} on {record.backbone}: {error}") from error
    return network.eval().requires_grad_(False)


def remeasure(network: DynamicNetwork, data: DataSet, images: int | None = None) -> pd.DataFrame:
    """Outcome of the first ``images`` test images, or of all, in the skipping execution of PyTorch."""
    return evaluate(lower(network), data, data.test.first(images)).samples


def part_of(names: Sequence[Path], part: int, parts: int) -> list[Path]:
    """Every ``parts``-th of the sorted ``names``, beginning with number ``part`` (from 0)."""
    return sorted(names)[part::parts]


def _is_sound(tensor: Tensor) -> bool:
    return not tensor.is_complex() and bool(torch.isfinite(tensor.double()).all())


def _rounded(tensor: Tensor) -> Tensor:
    """Weights of convolutions and linear layers in half precision; what is small and delicate (statistics of batch
    norms, thresholds, biases) as it is."""
    return tensor.half() if tensor.is_floating_point() and tensor.dim() > 1 else tensor


def _read(path: Path) -> dict[str, Tensor]:
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise BadInput(f"cannot read {path}: {error}") from error
    if any(not _is_sound(tensor) for tensor in state.values()):
        raise BadInput(f"{path} holds weights that are not finite real numbers")
    return state
