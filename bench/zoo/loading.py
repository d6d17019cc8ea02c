"""Trained networks that are shipped: found, loaded and measured again.

A shipped network is a job's folder like any other: ``record.json``, ``samples.parquet``, ``train.csv`` and
``model.safetensors``. Its numbers are those of the rounded network, so anybody can measure them again;
``details["shipped"]`` holds what the network measured before it was rounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from bench.data import DataSet
from bench.errors import BadInput
from bench.execution.skipping import lower
from bench.measurement.evaluation import evaluate
from bench.methods import load_method
from bench.networks.backbones import build_backbone
from bench.networks.cascade import Cascade, Member
from bench.networks.network import DynamicNetwork
from bench.records import (
    MODEL_FILE,
    RECORD_FILE,
    Record,
    find_records,
    read_record,
    require_recorded_file,
)
from bench.records.validity import is_quantised

LEFT_OUT = "left out"
"""What a published record says of its weights where it was published without them."""


def has_network(record: Record) -> bool:
    """Whether ``record`` was published with its network."""
    return record.details.get("shipped", {}).get("weights", LEFT_OUT) != LEFT_OUT


def find_published(folder: Path) -> dict[Path, Record]:
    """All published records below ``folder``, by the folder of their job; raises as :func:`find_records`."""
    return {path: record for path, record in find_records([folder]).items() if "shipped" in record.details}


def find_pretrained(folder: Path) -> dict[Path, Record]:
    """All shipped networks below ``folder``, by the folder of their job.

    Raises:
        BadInput: no such folder, no network in it, or a record that cannot be read.
    """
    found = {path: record for path, record in find_published(folder).items() if has_network(record)}
    if not found:
        raise BadInput(f"no shipped networks below {folder}")
    return found


def find_quantised(folder: Path) -> dict[Path, Record]:
    """All records in int8 below ``folder``, by the folder of their job; raises as :func:`find_records`."""
    return {path: record for path, record in find_records([folder]).items() if is_quantised(record)}


def source_of(record: Record, shipped: Mapping[Path, Record]) -> Path | None:
    """The folder of the network that a record was quantised from; None where it is not among the shipped ones."""
    wanted = record.details.get("quantised_from", {}).get("sha256")
    known = {path: one.details.get("files", {}).get(MODEL_FILE, {}).get("sha256") for path, one in shipped.items()}
    return next((path for path, found in known.items() if wanted and found == wanted), None)


def load_network(folder: str | Path) -> DynamicNetwork:
    """The trained network of a finished job, in evaluation mode and with gradients off, on the CPU.

    It takes images of shape ``(batch, 3, height, width)``, normalised as its data set is, and returns an output with
    the ``logits``, ``(batch, classes)``, and what was decided for each image.

    Raises:
        BadInput: no finished job's folder, or its network is missing or damaged.
    """
    folder = Path(folder)
    if not (folder / RECORD_FILE).is_file():
        raise BadInput(f"{folder} is no folder of a finished job: it holds no {RECORD_FILE}")
    record = read_record(folder)
    outputs = record.details.get("data", {}).get("outputs")
    if not isinstance(outputs, int):
        raise BadInput(f"the record in {folder} does not say how many classes its network tells apart")
    return load_pretrained(folder, record, outputs)


def load_pretrained(folder: Path, record: Record, classes: int) -> DynamicNetwork:
    """The network of a job's folder, in evaluation mode, with gradients off.

    Raises:
        BadInput: the file is missing, damaged, not the one that was recorded, or does not fit its record.
    """
    require_recorded_file(folder, MODEL_FILE, record)
    return build(record, read_weights(folder / MODEL_FILE), classes)


def build(record: Record, weights: dict[str, Tensor], classes: int) -> DynamicNetwork:
    """The network that ``record`` is about, with ``weights``.

    Raises:
        BadInput: weights of another network.
    """
    network = _untrained(record, classes)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise BadInput(f"the weights are not those of {record.method} on {record.backbone}: {error}") from error
    return cast(DynamicNetwork, network.eval().requires_grad_(False))  # a cascade shows its face


def _untrained(record: Record, classes: int) -> DynamicNetwork | Cascade:
    """A network of the shape that ``record`` is about."""

    def shape(method: str, point: float | None, backbone: str) -> DynamicNetwork:
        return load_method(method).build(build_backbone(backbone, classes, record.dataset), point)

    members = record.details.get("members")
    if not members:  # A network that was tuned to another point is of the shape that it was trained in.
        point = record.details.get("tuned_from", {}).get("point", record.point)
        method = record.details.get("quantised_from", {}).get("method", record.method)
        return shape(method, point, record.backbone)
    try:
        described = [Member(one["method"], one["point"], one["backbone"]) for one in members]
    except (TypeError, KeyError) as error:
        raise BadInput(f"the record of {record.method} does not say what its members are") from error
    return Cascade([shape(one.method, one.point, one.backbone) for one in described], described)


def remeasure(network: DynamicNetwork, data: DataSet, images: int | None = None) -> pd.DataFrame:
    """Outcome of the first ``images`` test images, or of all, in the skipping execution of PyTorch."""
    return evaluate(lower(network), data, data.test.first(images)).samples


def part_of(names: Sequence[Path], part: int, parts: int) -> list[Path]:
    """Every ``parts``-th of the sorted ``names``, beginning with number ``part`` (from 0)."""
    return sorted(names)[part::parts]


def _is_sound(tensor: Tensor) -> bool:
    return not tensor.is_complex() and bool(torch.isfinite(tensor.double()).all())


def read_weights(path: Path) -> dict[str, Tensor]:
    """The weights in a file.

    Raises:
        BadInput: they cannot be read, or are not finite real numbers.
    """
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise BadInput(f"cannot read {path}: {error}") from error
    if any(not _is_sound(tensor) for tensor in state.values()):
        raise BadInput(f"{path} holds weights that are not finite real numbers")
    return state
