"""Accuracy against MACs of one trained network as its thresholds move: points that it was not trained for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from bench.data import load_data
from bench.data.recorded import data_options, require_same_data
from bench.errors import BadInput
from bench.execution import to_inference
from bench.measurement.evaluation import evaluate
from bench.networks.network import DynamicNetwork
from bench.records import read_record
from bench.zoo.loading import load_pretrained

THRESHOLD_NAMES = ("threshold", "thresholds")
"""What a gate is open above; methods whose decisions are such comparisons name their buffers or parameters so."""
NOTE = "one training, thresholds moved afterwards: not trained for these costs, except at shift 0"


def threshold_shifts(span: float, points: int) -> np.ndarray:
    """An odd number of evenly spaced shifts from ``-span`` to ``span``, so that 0 is among them."""
    return np.linspace(-span, span, points + 1 - points % 2)


def curve(folder: Path, data_dir: Path | None, shifts: Sequence[float], executor: str = "auto") -> pd.DataFrame:
    """Moves all thresholds of a finished job's network together and evaluates it at each shift, on both splits.

    Later gates see what earlier decisions made of an image, so each shift takes a pass of its own and none is read
    off another one's scores.

    Returns:
        Per split (validation, then test) and shift: ``split, threshold_shift, top1`` (percent), ``macs_mean,
        macs_fraction, note``. Choose among the shifts by the rows of the validation split.

    Raises:
        BadInput: no finished job in ``folder``, images that are not there, or a method without thresholds.
    """
    record = read_record(folder)
    data = load_data(record.dataset, data_dir, data_options(record))
    require_same_data(record, data)
    network = load_pretrained(folder, record, len(data.classes))
    thresholds = thresholds_of(network)
    if not thresholds:
        raise BadInput(f"{record.method} does not decide by thresholds")
    rows = []
    for split_name, split in (("validation", data.validation), ("test", data.test)):
        for shift in shifts:
            moved = evaluate(_lowered(network, thresholds, float(shift), executor), data, split).samples
            macs = float(moved["macs"].mean())
            top1 = 100 * float(moved["correct"].mean())
            rows.append((split_name, float(shift), top1, macs, macs / record.macs_backbone, NOTE))
    return pd.DataFrame(rows, columns=["split", "threshold_shift", "top1", "macs_mean", "macs_fraction", "note"])


def thresholds_of(network: DynamicNetwork) -> list[torch.Tensor]:
    """Buffers and parameters that decisions are compared with."""
    named = [*network.named_buffers(), *network.named_parameters()]
    return [tensor for name, tensor in named if name.rpartition(".")[2] in THRESHOLD_NAMES]


def _lowered(network: DynamicNetwork, thresholds: Sequence[torch.Tensor], shift: float, executor: str):
    """The skipping network with thresholds raised by ``shift``; ``network`` is left as it was."""
    before = [tensor.clone() for tensor in thresholds]
    for tensor in thresholds:
        tensor.add_(shift)
    try:
        return to_inference(network, executor)
    finally:
        for tensor, value in zip(thresholds, before):
            tensor.copy_(value)
