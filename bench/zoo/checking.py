"""Regression of shipped networks: measured again, against what their records say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bench.data import DataSet, load_data
from bench.data.recorded import data_options, require_same_data
from bench.errors import BadInput
from bench.execution.onnx import QuantisedNetwork
from bench.execution.skipping import lower
from bench.measurement.evaluation import evaluate
from bench.records import Record, read_samples
from bench.records.regression import TOP1_TOLERANCE
from bench.records.summary import summarise
from bench.zoo.calibration_images import calibration_batches
from bench.zoo.loading import load_pretrained, source_of

TIERS = {"fast": 500, "full": None}
"""Test images, from the first on, that each tier measures; None: all."""
ROUNDED_AWAY = 0.002
"""Share of images that may differ. On the machine that wrote the record none does; other processors and thread counts
sum in another order, and of some 300 gate scores per image about one in a million lies near enough to its threshold."""


Load = Callable[[Record], DataSet]
"""Gives the data set of a record."""


def loader(data_dir: Path | None) -> Load:
    """Loads data sets of records from ``data_dir``, each once."""
    known: dict[tuple, DataSet] = {}

    def load(record: Record) -> DataSet:
        key = record.dataset, data_options(record)
        if key not in known:
            known[key] = load_data(record.dataset, data_dir, data_options(record))
        return known[key]

    return load


def compare_network(folder: Path, record: Record, data: DataSet, tier: str) -> list[str]:
    """Measures a shipped network again; readable differences from what its folder says.

    Every image must have its recorded prediction and, to the last MAC, its recorded cost, but for a share of
    ``ROUNDED_AWAY``. The numbers in the record must be those of its images, within 0 (they are recomputed from the
    file); in the full tier the new accuracy must be within ``TOP1_TOLERANCE`` of it.
    """
    return _compare(folder, record, data, tier, lambda: lower(load_pretrained(folder, record, len(data.classes))))


def compare_quantised(
    folder: Path, record: Record, shipped: Mapping[Path, Record], data: DataSet, tier: str
) -> list[str]:
    """As :func:`compare_network`, of a record in int8: the shipped network that it names is quantised again."""

    def quantised() -> QuantisedNetwork:
        source = source_of(record, shipped)
        if source is None:
            raise BadInput(
                "the network that it was quantised from is shipped neither here nor beside: give both's folder"
            )
        network = load_pretrained(source, shipped[source], len(data.classes))
        return QuantisedNetwork(network, calibration_batches(data))

    return _compare(folder, record, data, tier, quantised)


def _compare(folder: Path, record: Record, data: DataSet, tier: str, make: Callable[[], Any]) -> list[str]:
    require_same_data(record, data)
    try:
        network = make()
        kept = read_samples(folder)
    except BadInput as error:
        return [f"{folder.name}: {error}"]
    if len(kept) != len(data.test):
        return [f"{folder.name}: outcomes of {len(kept):,} images, where {len(data.test):,} are tested"]
    found = evaluate(network, data, data.test.first(TIERS[tier])).samples
    said = record_differences(record, kept) + _image_differences(kept.head(len(found)), found)
    if len(found) == len(kept) and abs(100 * found["correct"].mean() - record.top1) > TOP1_TOLERANCE:
        said.append(f"top-1 is {100 * found['correct'].mean():.2f}, recorded {record.top1:.2f} +- {TOP1_TOLERANCE}")
    return [f"{folder.name}: {text}" for text in said]


def record_differences(record: Record, samples: pd.DataFrame) -> list[str]:
    """Numbers in the record that its own images do not give."""
    again = summarise(samples, record.macs_backbone)
    return [
        f"{name} is {said!r} in the record, but {value!r} by its images"
        for name, value in again.items()
        if (said := getattr(record, name)) is None or not math.isclose(said, value, rel_tol=1e-9)
    ]


def _image_differences(kept: pd.DataFrame, found: pd.DataFrame) -> list[str]:
    said = []
    for column in ("index", "label", "prediction", "macs", "gate_macs"):
        if column not in kept:
            said.append(f"column {column} is missing")
            continue
        differ = kept[column].to_numpy() != found[column].to_numpy()
        allowed = 0 if column in ("index", "label") else int(ROUNDED_AWAY * len(found))
        if differ.sum() > allowed:
            first = int(found["index"].to_numpy()[differ.argmax()])
            said.append(f"{column} of {differ.sum()} of {len(found)} images differs, first of image {first}")
    return said
