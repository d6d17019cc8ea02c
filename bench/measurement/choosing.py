"""What choosing for each image brings: a network's accuracy against controls that do not look at the image at hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bench.data import DataSet
from bench.measurement.controls import can_shuffle, shuffled_correct
from bench.measurement.evaluation import evaluate
from bench.measurement.twin import static_twin
from bench.networks.cascade import Cascade
from bench.networks.network import DynamicNetwork
from bench.networks.router import OpenRouter
from bench.statistics import mcnemar

IMAGES = 10_000
"""Test images that controls are run on, at most; evenly spaced. Controls are masked, so no image is cheap."""


def describe_choosing(
    network: DynamicNetwork | Cascade, samples: pd.DataFrame, data: DataSet, dense_macs: float, stopping: dict
) -> dict[str, Any]:
    """Top-1 lost without the choice, for a record; empty for a network that chooses nothing, or by its units alone.

    *Shuffled*: each image gets the decisions of another one. *Twin*: the static network of equal mean MACs whose gates
    are open, for all images, where the network's own mostly are. Both are run behind the measurement: nothing is chosen
    by them. Neither was trained for its decisions, so a loss is the most that choosing can be worth.

    Args:
        samples: outcomes of the test images, in their order.
        stopping: of a network with several answers, what :func:`bench.measurement.stopping.describe_stopping` says.
    """
    if stopping:
        return _of_answers(samples, stopping, dense_macs)
    if not can_shuffle(network) or isinstance(network.router, OpenRouter):
        return {}
    step = -(-len(data.test) // IMAGES)
    split = data.test.at(range(0, len(data.test), step))
    own = samples["correct"].to_numpy(bool)[::step]
    twin = evaluate(static_twin(network, data, float(samples["macs"].mean())), data, split).samples
    macs_fraction = float(twin["macs"].mean()) / dense_macs
    return {
        "images": len(split),
        "shuffled": _lost(own, shuffled_correct(network, data, split)),
        "twin": _lost(own, twin["correct"].to_numpy(bool)) | {"macs_fraction": macs_fraction},
    }


def choosing_columns(described: dict[str, Any]) -> dict[str, Any]:
    """The columns of a record that ``described`` gives."""
    shuffled, twin = described.get("shuffled", {}), described.get("twin", {})
    return {
        "shuffled_loss": shuffled.get("lost"),
        "twin_loss": twin.get("lost"),
        "twin_macs_fraction": twin.get("macs_fraction"),
    }


def _lost(own: np.ndarray, control: np.ndarray) -> dict[str, float]:
    return {
        "top1": 100 * float(control.mean()),
        "lost": 100 * float(own.mean() - control.mean()),
        "p_value": mcnemar(own, control).p_value,
    }


def _of_answers(samples: pd.DataFrame, stopping: dict, dense_macs: float) -> dict[str, Any]:
    """Of exits and cascades: chance says who stops where, or all images stop at the answer of the nearest cost."""
    top1, macs_fraction = 100 * float(samples["correct"].mean()), float(samples["macs"].mean()) / dense_macs
    nearest = min(stopping["answers"], key=lambda answer: abs(answer["macs_fraction"] - macs_fraction))
    control, twin = stopping["random_control"]["top1"], nearest["top1_of_all"]
    return {
        "images": len(samples),
        "shuffled": {"top1": control, "lost": top1 - control},
        "twin": {"top1": twin, "lost": top1 - twin, "macs_fraction": nearest["macs_fraction"]},
    }
