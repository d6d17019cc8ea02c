"""What two executions show of the same images: equal within rounding, or a failure that names a sample."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.measurement.conformance.comparison import CheckFailure, Seen, require_same

LOGITS, DECIDED = (
    torch.tensor([[4.0, -2.0], [1.0, 0.5], [0.0, 3.0]]),
    torch.tensor([[1.0, 0.5], [0.0, 0.0], [1.0, 1.0]]),
)
SEEN = Seen(LOGITS, DECIDED)


@settings(deadline=None)
@given(st.permutations(range(3)))
def test_the_same_is_the_same_in_any_order(order):
    rows = torch.tensor(order)
    assert require_same(SEEN[rows], SEEN[rows]) == "largest logit difference 0.0e+00"
    if list(order) != [0, 1, 2]:
        with pytest.raises(CheckFailure):
            require_same(SEEN, SEEN[rows])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.4, 2e-3])
@pytest.mark.parametrize("sample", [0, 2])
def test_a_decision_that_differs_names_its_sample(value, sample):
    moved = DECIDED.clone()
    moved[sample, 1] += value
    for expected, found in ((SEEN, Seen(LOGITS, moved)), (Seen(LOGITS, moved), SEEN)):
        with pytest.raises(CheckFailure, match=f"decisions differ for sample {sample}"):
            require_same(expected, found)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 5e-4])
def test_logits_are_compared_with_the_largest_of_all(value):
    moved = LOGITS.clone()
    moved[1, 1] += value
    with pytest.raises(CheckFailure, match="logits differ"):
        require_same(SEEN, Seen(moved, DECIDED))
    moved[1, 1] = LOGITS[1, 1] + 3e-4  # below 1e-4 of the largest logit, 4
    require_same(SEEN, Seen(moved, DECIDED))
