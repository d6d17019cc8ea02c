"""Accuracy and multiply-accumulates of every single image."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol, cast

import numpy as np
import pandas as pd
import torch

from bench.data import DataSet, Split
from bench.errors import BadInput
from bench.methods.calibration import AllAnswers
from bench.networks.cascade import Cascade
from bench.networks.decisions import Output
from bench.networks.network import DynamicNetwork
from bench.system.distributed import all_agree, gather, rank, world_size


class Network(Protocol):
    """What can be evaluated: a network in any form that it may run in."""

    backbone_cost: Any

    def __call__(self, images: torch.Tensor, /) -> Any: ...
    def cost(self, output: Output, /) -> Any: ...
    def eval(self) -> Any: ...
    def parameters(self) -> Any: ...
    def buffers(self) -> Any: ...


@dataclass(frozen=True)
class Evaluation:
    """``samples``: one row per image, with the columns of ``samples.parquet``."""

    samples: pd.DataFrame


@torch.inference_mode()
def evaluate(network: Network, data: DataSet, split: Split, batch_size: int | None = None) -> Evaluation:
    """Runs ``network`` in evaluation mode over a whole split, each image once.

    Several processes share the images, every so-manieth for each, and all of them get all rows.

    Raises:
        BadInput: outputs that are no numbers, which would count as predictions of the first class.
    """
    samples = _table(network, data, split, _columns, batch_size)
    if broken := int((~np.isfinite(samples["confidence"])).sum()):
        raise BadInput(f"the network's outputs for {broken} of {len(split)} images are no numbers")
    return Evaluation(samples)


@torch.inference_mode()
def collect_answers(network: DynamicNetwork | Cascade, data: DataSet, split: Split, dense_macs: float) -> AllAnswers:
    """What a network with several answers says of each image at every one of them, and its share of ``dense_macs``.

    Nothing stops meanwhile: this is the masked execution with infinite thresholds.
    """
    assert network.rule is not None
    thresholds = network.rule.thresholds.clone()
    network.rule.thresholds.fill_(torch.inf)
    try:
        table = _table(cast(Network, network), data, split, _answer_columns)
    finally:
        network.rule.thresholds.copy_(thresholds)
    labels = torch.from_numpy(table.pop("label").to_numpy(copy=True))
    answers = len(thresholds) + 1
    macs = [table.pop(f"macs_{number}") for number in range(answers)]
    given = torch.from_numpy(table.drop(columns="index").to_numpy(copy=True)).view(len(labels), answers, -1)
    return AllAnswers(given.transpose(0, 1).contiguous(), labels, torch.tensor(np.array(macs)) / dense_macs)


def _answer_columns(network: DynamicNetwork | Cascade, output: Output, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    assert output.exits is not None and output.exits.given is not None
    columns = {"label": labels}
    for number, (logits, macs) in enumerate(zip(output.exits.given, network.answer_costs(output))):
        columns[f"macs_{number}"] = macs
        columns |= {f"given_{number}_{place}": values for place, values in enumerate(logits.unbind(1))}
    return columns


def _table(
    network: Network, data: DataSet, split: Split, columns_of: Any, batch_size: int | None = None
) -> pd.DataFrame:
    """One row per image with ``columns_of`` each output; processes share the images, and all get all rows."""
    network.eval()
    # A compiled network shows no parameters.
    device = next(chain(network.parameters(), network.buffers()), torch.empty(0)).device
    mine = split if world_size() == 1 else split.at(range(rank(), len(split), world_size()))
    columns: dict[str, list[torch.Tensor]] = {}
    with all_agree():
        for images, labels in mine.batches(batch_size or data.evaluation_batch):
            output = network(data.normalise(images.to(device)))
            for name, values in columns_of(network, output, labels.to(device)).items():
                columns.setdefault(name, []).append(values.cpu())
    table = {"index": mine.indices.numpy()} | {name: torch.cat(parts).numpy() for name, parts in columns.items()}
    return _in_order(gather(pd.DataFrame(table)))


def _in_order(shares: list[pd.DataFrame]) -> pd.DataFrame:
    """One row per image from what each process saw: the first image of each, the second of each, and so on."""
    if len(shares) == 1:
        return shares[0]
    numbered = [
        share.set_axis(range(first, first + len(shares) * len(share), len(shares)))
        for first, share in enumerate(shares)
    ]
    return pd.concat(numbered).sort_index()


def _columns(network: Network, output: Output, labels: torch.Tensor) -> dict[str, torch.Tensor]:
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
    if output.exits is not None:
        columns["exit"] = output.exits.taken.to(torch.int16)
    for number, macs in enumerate(cost.members):
        columns[f"macs_{number}"] = macs.round().long()
    for index, decision in enumerate(output.decisions):
        columns[f"executed_{index}"] = decision.layer.executed.to(torch.int8)
        columns[f"kept_{index}"] = decision.kept_fraction.float()
    return columns
