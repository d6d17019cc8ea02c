"""Accuracy and multiply-accumulates of every single image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from bench.data import DataSet, Split
from bench.dynamic.decisions import Output
from bench.dynamic.network import DynamicNetwork
from bench.errors import BadInput

BATCH_SIZE = 250


@dataclass(frozen=True)
class Evaluation:
    """``samples``: one row per image, with the columns of ``samples.parquet``."""

    samples: pd.DataFrame


@torch.inference_mode()
def evaluate(network: DynamicNetwork, data: DataSet, split: Split, batch_size: int = BATCH_SIZE) -> Evaluation:
    """Runs ``network`` in evaluation mode over a whole split, each image once.

    Raises:
        BadInput: outputs that are no numbers, which would count as predictions of the first class.
    """
    network.eval()
    device = next(network.parameters(), torch.empty(0)).device  # a compiled network shows no parameters
    columns: dict[str, list[torch.Tensor]] = {}
    for images, labels in split.batches(batch_size):
        output = network(data.normalise(images.to(device)))
        for name, values in _columns(network, output, labels.to(device)).items():
            columns.setdefault(name, []).append(values.cpu())
    table = {"index": split.indices.numpy()} | {name: torch.cat(parts).numpy() for name, parts in columns.items()}
    if broken := int((~np.isfinite(table["confidence"])).sum()):
        raise BadInput(f"the network's outputs for {broken} of {len(split)} images are no numbers")
    return Evaluation(pd.DataFrame(table))


def _columns(network: DynamicNetwork, output: Output, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    confidence, prediction = output.logits.softmax(1).max(1)
    cost = network.cost(output)
    columns = {
        "label": labels,
        "prediction": prediction,
        "correct": prediction == labels,
        "confidence": confidence,
        "macs": cost.total.round().long(),
        "gate_macs": cost.gates.round().long(),
    }
    for index, decision in enumerate(output.decisions):
        columns[f"executed_{index}"] = decision.layer.executed.to(torch.int8)
        columns[f"kept_{index}"] = decision.kept_fraction.float()
    return columns
