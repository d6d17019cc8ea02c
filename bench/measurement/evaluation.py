"""Accuracy and multiply-accumulates of every single image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from bench.data import DataSet, Split
from bench.errors import BadInput
from bench.networks.decisions import Output
from bench.networks.network import DynamicNetwork
from bench.system.distributed import agreed, gather, processes, rank


@dataclass(frozen=True)
class Evaluation:
    """``samples``: one row per image, with the columns of ``samples.parquet``."""

    samples: pd.DataFrame


@torch.inference_mode()
def evaluate(network: DynamicNetwork, data: DataSet, split: Split, batch_size: int | None = None) -> Evaluation:
    """Runs ``network`` in evaluation mode over a whole split, each image once.

    Several processes share the images, every so-manieth for each, and all of them get all rows.

    Raises:
        BadInput: outputs that are no numbers, which would count as predictions of the first class.
    """
    network.eval()
    device = next(network.parameters(), torch.empty(0)).device  # a compiled network shows no parameters
    mine = split if processes() == 1 else split.at(range(rank(), len(split), processes()))
    columns: dict[str, list[torch.Tensor]] = {}
    with agreed():
        for images, labels in mine.batches(batch_size or data.evaluation_batch):
            output = network(data.normalise(images.to(device)))
            for name, values in _columns(network, output, labels.to(device)).items():
                columns.setdefault(name, []).append(values.cpu())
    table = {"index": mine.indices.numpy()} | {name: torch.cat(parts).numpy() for name, parts in columns.items()}
    samples = _in_order(gather(pd.DataFrame(table)))
    if broken := int((~np.isfinite(samples["confidence"])).sum()):
        raise BadInput(f"the network's outputs for {broken} of {len(split)} images are no numbers")
    return Evaluation(samples)


def _in_order(shares: list[pd.DataFrame]) -> pd.DataFrame:
    """One row per image from what each process saw: the first image of each, the second of each, and so on."""
    if len(shares) == 1:
        return shares[0]
    numbered = [
        share.set_axis(range(first, first + len(shares) * len(share), len(shares)))
        for first, share in enumerate(shares)
    ]
    return pd.concat(numbered).sort_index()


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
