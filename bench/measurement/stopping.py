"""What stopping early comes to: where images stop, how well scores rank answers, and what chance would make of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from bench.data import DataSet
from bench.measurement.evaluation import collect_answers
from bench.methods.calibration import ScoredAnswers
from bench.networks.cascade import Cascade, parts_of
from bench.networks.network import DynamicNetwork


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
    return {
        "answers": answers,
        "random_control": _control(answers),
        "worst_case_macs_fraction": float(scored.cost[:, -1].max()),
        "parameters": [sum(one.numel() for one in part.parameters()) for part in parts_of(network)],
    }


def _answer(number: int, taken: np.ndarray, samples: pd.DataFrame, scored: ScoredAnswers) -> dict:
    """One answer: of those who stop at it, and of all images."""
    here, correct = taken == number, scored.correct[:, number]
    return {
        "share": float(here.mean()),
        "top1_of_those": 100 * float(samples["correct"][here].mean()) if here.any() else None,
        "top1_of_all": 100 * float(correct.mean()),
        "macs_fraction": float(scored.cost[:, number].mean()),
        "auroc": _auroc(correct, scored.scores[:, number]) if number < scored.scores.shape[1] else None,
    }


def _auroc(correct: np.ndarray, scores: np.ndarray) -> float | None:
    """Chance that a right answer has a higher score than a wrong one; None where all are right, or wrong."""
    if correct.all() or not correct.any():
        return None
    return float(roc_auc_score(correct, np.nan_to_num(scores)))


def _control(answers: list[dict]) -> dict:
    """Expected accuracy and cost had as many images stopped at each answer, chosen by chance."""
    return {
        "top1": sum(answer["share"] * answer["top1_of_all"] for answer in answers),
        "macs_fraction": sum(answer["share"] * answer["macs_fraction"] for answer in answers),
    }
