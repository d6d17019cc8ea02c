"""The choice of the final network among epochs and trials, by validation."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bench.records.points import point_tolerance


def selection_key(row: Mapping, point: float | None) -> tuple[int, float]:
    """What the choice of an epoch, or of a trial, goes by; the larger is the better.

    Validation accuracy decides among those that meet the operating point. The others come behind them, in steps of one
    tolerance: a network that has learned does not lose to one that has not for a thousandth of the MACs.

    Args:
        row: of the history that :meth:`bench.training.trainer.Trainer.fit` returns.
    """
    steps = 0.0 if point is None else abs(row["validation_macs_fraction"] - point) / point_tolerance(point)
    return -max(1, math.ceil(steps)), row["validation_top1"]
