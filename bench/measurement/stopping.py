"""What stopping early comes to: where images stop, how well scores rank answers, and what chance would make of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.data import DataSet
from bench.measurement.evaluation import collect_answers
from bench.measurement.selection import random_choice
from bench.methods.calibration import ScoredAnswers
from bench.networks.cascade import Cascade, parts_of
from bench.networks.network import DynamicNetwork
from bench.statistics import area_under_roc


def describe_stopping(
    network: DynamicNetwork | Cascade, samples: pd.DataFrame, data: DataSet, dense_macs: float
) -> dict:
    """How test images stop, for a record; empty for a network with a single answer.

    Every answer of every test image is computed for it, behind the measurement: nothing is chosen by them.

    Args:
        samples: outcomes of the test images, with their ``exit``.
        dense_macs: of the dense backbone.
    """
    if network.rule is None:
        return {}
    scored = collect_answers(network, data, data.test, dense_macs).scored(network.rule)
    taken = samples["exit"].to_numpy()
    answers = [_answer(number, taken, samples, scored) for number in range(scored.correct.shape[1])]
    shares = [answer["share"] for answer in answers]
    return {
        "answers": answers,
        "random_control": {
            "top1": 100 * random_choice(scored.correct.T, shares),
            "macs_fraction": random_choice(scored.cost.T, shares),
        },
        "worst_case_macs_fraction": float(scored.cost[:, -1].max()),
        "parameters": [sum(one.numel() for one in part.parameters()) for part in parts_of(network)],
    }


def _answer(number: int, taken: np.ndarray, samples: pd.DataFrame, scored: ScoredAnswers) -> dict:
    """One answer: of those who stop at it, and of all images."""
    here, correct = taken == number, scored.correct[:, number]
    scores = np.nan_to_num(scored.scores[:, number]) if number < scored.scores.shape[1] else None
    return {
        "share": float(here.mean()),
        "top1_of_those": 100 * float(samples["correct"][here].mean()) if here.any() else None,
        "top1_of_all": 100 * float(correct.mean()),
        "macs_fraction": float(scored.cost[:, number].mean()),
        "auroc": None if scores is None else area_under_roc(scores, correct),
    }
