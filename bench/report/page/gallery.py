"""The cheapest and the dearest test images of each method, with the path they took through the network."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from bench.errors import BadInput
from bench.records import Record
from bench.report.entries import Entry, Result, by_method
from bench.report.results import Group
from bench.report.styles import middle

if TYPE_CHECKING:
    from bench.data import DataOptions, DataSet

SHOWN = 6
"""Images at each end."""
LARGEST = 64
"""Pixels: larger images are made smaller."""


@dataclass(frozen=True)
class Step:
    """One block on an image's path; ``kept`` is the fraction of its channels or positions, 0 where skipped."""

    block: str
    kept: float


@dataclass(frozen=True)
class Picture:
    """A test image as PNG data URI; ``macs`` is a fraction of the dense backbone's.

    Attributes:
        exit: which answer it stopped at, from 0; None where there is only one.
    """

    uri: str
    label: str
    prediction: str
    correct: bool
    macs: float
    path: Sequence[Step]
    exit: int | None = None


@dataclass(frozen=True)
class Wall:
    """What hangs for one method."""

    entry: Entry
    cheapest: Sequence[Picture]
    dearest: Sequence[Picture]


@dataclass(frozen=True)
class Gallery:
    """``missing`` says why there are no images, where there are none."""

    walls: Sequence[Wall] = ()
    missing: str = ""


def gallery(group: Group, data_dir: Path | None) -> Gallery:
    """For each method whose cost varies: its middle operating point, first seed. Equal costs in the images' order."""
    varying = [entry for entry in group.entries if np.ptp(entry.results[0].samples["macs"]) > 0]
    if not varying:
        return Gallery(missing="No method here spends more on one image than on another.")
    try:
        found = _at_hand(group.results[0].record, data_dir)
    except ImportError as error:
        return Gallery(missing=f"The images of {group.title} could not be read: {error}.")
    if found is None:
        return Gallery(missing=f"The images of {group.title} were not at hand: give bench report --data-dir.")
    data, fingerprint = found
    known = {(result.record.details.get("data") or {}).get("fingerprint") for result in group.results} - {None}
    if known - {fingerprint}:
        return Gallery(missing=f"The images of {group.title} at hand are not those of the records.")
    return Gallery([_wall(middle(entries), data) for entries in by_method(varying).values()])


def _at_hand(record: Record, data_dir: Path | None) -> tuple[DataSet, str] | None:
    """The record's data set and its fingerprint; None where it is not at hand.

    Raises:
        ImportError: what reads images is not installed. It is torch: no other part of a report needs it.
    """
    from bench.data.recorded import data_options

    return _load(record.dataset, data_dir, data_options(record))


@cache
def _load(dataset: str, data_dir: Path | None, options: DataOptions) -> tuple[DataSet, str] | None:
    """Reads a data set once for all backbones."""
    from bench.data import load_data

    try:
        data = load_data(dataset, data_dir, options)
    except BadInput:
        return None
    return data, data.fingerprint()


def _wall(entry: Entry, data: DataSet) -> Wall:
    result = entry.results[0]
    order = result.samples.sort_values(["macs", "index"], kind="stable").index
    return Wall(
        entry,
        [_picture(result, row, data) for row in order[:SHOWN]],
        [_picture(result, row, data) for row in order[: -SHOWN - 1 : -1]],
    )


def _picture(result: Result, row: int, data: DataSet) -> Picture:
    sample = result.samples.loc[row]
    position = int((data.test.indices == int(sample["index"])).nonzero()[0, 0])
    kept = result.executed.loc[row] * result.kept.loc[row]
    return Picture(
        uri=png_uri(data.test.at([position]).images[0].permute(1, 2, 0).numpy()),
        label=data.classes[int(sample["label"])],
        prediction=data.classes[int(sample["prediction"])],
        correct=bool(sample["correct"]),
        macs=float(sample["macs"]) / result.record.macs_backbone,
        path=[Step(block, float(share)) for block, share in kept.items()],
        exit=int(sample["exit"]) if "exit" in sample else None,
    )


def png_uri(pixels: np.ndarray) -> str:
    """``[H, W, 3]`` uint8 as a PNG data URI."""
    image = Image.fromarray(pixels)
    image.thumbnail((LARGEST, LARGEST))
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
