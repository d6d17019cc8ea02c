"""Accuracy against MACs of one trained network at other settings than it was recorded at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from bench.data import DataSet, Split, load_data
from bench.data.recorded import data_options, require_same_data
from bench.errors import BadInput
from bench.execution import to_inference
from bench.measurement.evaluation import collect_answers, evaluate
from bench.methods.calibration import ScoredAnswers, choose_thresholds
from bench.networks.cascade import Cascade
from bench.networks.network import DynamicNetwork
from bench.records import read_record
from bench.records.curves import ANYTIME, BUDGETED, COLUMNS, SHIFTED
from bench.zoo.loading import load_pretrained

THRESHOLD_NAMES = ("threshold", "thresholds")
"""What a gate is open above; methods whose decisions are such comparisons name their buffers or parameters so."""
BUDGETS = tuple(round(0.05 * step, 2) for step in range(2, 41))
"""Fractions of the dense backbone's MACs that a network is set to, where it can reach them."""


def threshold_shifts(span: float, points: int) -> np.ndarray:
    """An odd number of evenly spaced shifts from ``-span`` to ``span``, so that 0 is among them."""
    return np.linspace(-span, span, points + 1 - points % 2)


def curve(folder: Path, data_dir: Path | None, shifts: Iterable[float], executor: str = "auto") -> pd.DataFrame:
    """A finished job's network at many settings, on validation and on test images. Nothing is trained.

    A network that stops early is shown by both protocols of MSDNet (Huang et al., ICLR 2018, arXiv 1703.09844):
    *anytime*, where all images take the same answer, and *budgeted*, where thresholds meet a budget on validation
    images. Of other networks all thresholds are *shifted* together, one pass each, since later gates see what earlier
    decisions made of an image; and for each budget the shift that is most accurate on validation images within it.

    Returns:
        One row per setting and split, with the columns ``bench.records.curves.COLUMNS``.

    Raises:
        BadInput: no finished job in ``folder``, images that are not there, or a method without thresholds.
    """
    record = read_record(folder)
    data = load_data(record.dataset, data_dir, data_options(record))
    require_same_data(record, data)
    network = load_pretrained(folder, record, len(data.classes))
    if network.rule is not None:
        rows = list(_answers(network, data, record.macs_backbone))
    elif thresholds_of(network):
        rows = _shifted(network, data, shifts, executor, record.macs_backbone)
        rows += list(_best_within(rows))
    else:
        raise BadInput(f"{record.method} does not decide by thresholds")
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.assign(macs_mean=table["macs_fraction"] * record.macs_backbone)


def _splits(data: DataSet) -> dict[str, Split]:
    return {"validation": data.validation, "test": data.test}


def _answers(network: DynamicNetwork, data: DataSet, dense_macs: float) -> Iterator[dict[str, Any]]:
    """One pass over each split tells what every setting would have done."""
    assert network.rule is not None
    scored = {
        name: collect_answers(network, data, split, dense_macs).scored(network.rule)
        for name, split in _splits(data).items()
    }
    stops = scored["validation"].scores.shape[1]
    for answer in range(stops + 1):
        thresholds = np.where(np.arange(stops) < answer, np.inf, -np.inf)
        yield from _rows(scored, thresholds, protocol=ANYTIME, answer=answer)
    costs = scored["validation"].cost.mean(0)
    for budget in (value for value in BUDGETS if costs[0] <= value <= costs[-1]):
        chosen = choose_thresholds(scored["validation"], budget)
        yield from _rows(scored, chosen.thresholds, protocol=BUDGETED, budget=budget)


def _rows(scored: dict[str, ScoredAnswers], thresholds: np.ndarray, **setting: Any) -> Iterator[dict[str, Any]]:
    for split, answers in scored.items():
        top1, cost = answers.at(thresholds)
        yield setting | {"split": split, "top1": 100 * top1, "macs_fraction": cost}


def _shifted(
    network: DynamicNetwork, data: DataSet, shifts: Iterable[float], executor: str, dense_macs: float
) -> list[dict[str, Any]]:
    rows, shifts = [], list(shifts)
    for split_name, split in _splits(data).items():
        for shift in map(float, shifts):
            samples = evaluate(_raised(network, shift, executor), data, split).samples
            outcome = {"top1": 100 * samples["correct"].mean(), "macs_fraction": samples["macs"].mean() / dense_macs}
            rows.append({"split": split_name, "protocol": SHIFTED, "threshold_shift": shift} | outcome)
    return rows


def _best_within(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """For each budget the rows of the shift that validation images choose; a budget that changes nothing is left out.

    More work is not always more accuracy: a shift of lower cost may be the better one.
    """
    by_split = {split: [row for row in rows if row["split"] == split] for split in ("validation", "test")}
    before = None
    for budget in BUDGETS:
        within = [row for row in by_split["validation"] if row["macs_fraction"] <= budget]
        chosen = max(within, key=lambda row: row["top1"], default=None)
        if chosen is None or chosen is before:
            continue
        before = chosen
        for split in by_split.values():
            same = next(row for row in split if row["threshold_shift"] == chosen["threshold_shift"])
            yield same | {"protocol": BUDGETED, "budget": budget}


def thresholds_of(network: DynamicNetwork | Cascade) -> list[torch.Tensor]:
    """Buffers and parameters that decisions are compared with."""
    named = [*network.named_buffers(), *network.named_parameters()]
    return [tensor for name, tensor in named if name.rpartition(".")[2] in THRESHOLD_NAMES]


def _raised(network: DynamicNetwork, shift: float, executor: str):
    """The skipping network with thresholds raised by ``shift``; ``network`` is left as it was."""
    thresholds = thresholds_of(network)
    before = [tensor.clone() for tensor in thresholds]
    for tensor in thresholds:
        tensor.add_(shift)
    try:
        return to_inference(network, executor)
    finally:
        for tensor, value in zip(thresholds, before):
            tensor.copy_(value)
