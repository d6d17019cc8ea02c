"""Gates: exact values forwards, gradients that keep a closed gate alive backwards."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.networks.gates import REACH, is_open, relu1, straight_through

scores = st.floats(-3, 3, allow_nan=False).map(lambda value: torch.tensor([value], requires_grad=True))


@given(scores)
def test_relu1_is_zero_exactly_where_the_gate_is_closed(score):
    assert (relu1(score) == 0).item() == (is_open(score) == 0).item()
    assert relu1(score).item() == min(max(score.item(), 0.0), 1.0)


@given(scores, st.sampled_from([-1.0, 1.0]))
def test_relu1_passes_both_directions_or_neither(score, gradient):
    relu1(score).backward(torch.tensor([gradient]))
    assert score.grad.item() == (gradient if -REACH < score.item() < 1 else 0)


@given(scores)
def test_only_gates_near_their_threshold_feel_the_price(score):
    is_open(score).sum().backward()
    assert score.grad.item() == float(abs(score.item()) < REACH)


def test_a_closed_gate_is_asked_to_open_where_it_would_help():
    score = torch.tensor([-0.5], requires_grad=True)
    (1 - relu1(score)).square().backward()
    assert score.grad.item() < 0


@given(st.floats(0, 1, allow_nan=False))
def test_straight_through(value):
    probability = torch.tensor([value], requires_grad=True)
    hard = straight_through(probability)
    hard.backward()
    assert hard.item() == float(torch.tensor(value) > 0.5) and probability.grad.item() == 1
