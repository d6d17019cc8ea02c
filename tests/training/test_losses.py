"""A loss that says that a training has come to nothing."""

import pytest

from bench.errors import BadInput
from bench.training.losses import require_finite_loss


def test_a_loss_that_explodes_stops_a_training():
    require_finite_loss(2000.0, 3.0, "stage 'a'")
    for loss in (4000.0, float("inf"), float("nan")):
        with pytest.raises(BadInput, match="stage 'a'"):
            require_finite_loss(loss, 3.0, "stage 'a'")
