"""The choice of the final network among epochs and trials, by validation."""

from __future__ import annotations

import math
from collections.abc import Mapping

POINT_TOLERANCE = 0.03
"""An epoch is eligible as the final network while its validation MACs fraction is this near its target; a record that
is further away on the test images says so."""


def selection_key(row: Mapping, point: float | None) -> tuple[int, float]:
    """What the choice of an epoch, or of a trial, goes by; the larger is the better.

    Validation accuracy decides among those that meet the operating point. The others come behind them, in steps of one
    ``POINT_TOLERANCE``: a network that has learned does not lose to one that has not for a thousandth of the MACs.

    Args:
        row: of the history that :meth:`bench.training.trainer.Trainer.fit` returns.
    """
    miss = 0.0 if point is None else abs(row["validation_macs_fraction"] - point)
    return -max(1, math.ceil(miss / POINT_TOLERANCE)), row["validation_top1"]
