"""Thresholds chosen on held-out images meet the budget, and no other choice of the family does it better."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.methods.calibration import NEAR, AllAnswers, ScoredAnswers, choose_thresholds
from bench.networks.stopping import Committee, StopRule


def outcomes(stops, seed=0, images=400):
    """Harder images have lower scores; later answers are right more often."""
    generator = np.random.default_rng(seed)
    hard = generator.random((images, 1))
    scores = 3 - 6 * hard + generator.normal(size=(images, stops))
    skill = np.linspace(0.5, 0.95, stops + 1)
    correct = generator.random((images, stops + 1)) < np.clip(skill + 0.5 - hard, 0, 1)
    cost = np.tile(np.linspace(0.3, 1.2, stops + 1), (images, 1))
    return ScoredAnswers(scores, correct, cost)


@given(stops=st.integers(1, 4), seed=st.integers(0, 5), budget=st.floats(0.32, 1.19))
@example(stops=3, seed=0, budget=0.59765625)  # one answer alone costs a little more than this
@settings(max_examples=40, deadline=None)
def test_the_budget_is_met_and_kept(stops, seed, budget):
    answers = outcomes(stops, seed)
    choice = choose_thresholds(answers, budget)
    top1, cost = answers.at(choice.thresholds)
    assert (100 * top1, cost) == pytest.approx((choice.top1, choice.cost))
    # One image more or less at the dearest answer is the step that cost can take.
    assert cost <= budget + 1e-9 and cost >= budget - max(NEAR * budget, 1.0 / len(answers.scores))


def test_two_answers_are_a_quantile():
    answers = outcomes(1, images=1000)
    choice = choose_thresholds(answers, 0.3 + 0.9 * 0.25)
    passed = answers.taken(choice.thresholds) == 1
    assert passed.sum() == 250
    assert answers.scores[passed].max() < choice.thresholds[0] < answers.scores[~passed].min()


def test_a_budget_out_of_reach_gives_the_nearest():
    answers = outcomes(3)
    assert answers.at(choose_thresholds(answers, 0.1).thresholds)[1] == pytest.approx(0.3)
    assert answers.at(choose_thresholds(answers, 2.0).thresholds)[1] == pytest.approx(1.2)


def test_an_answer_that_is_always_wrong_is_not_used():
    answers = outcomes(3)
    answers.correct[:, 1] = False
    answers.scores[:, 1] = 10  # sure and wrong
    choice = choose_thresholds(answers, 0.7)
    assert not (answers.taken(choice.thresholds) == 1).any() and choice.top1 > 60


def test_scored_as_the_rule_stops():
    torch.manual_seed(0)
    given_ = torch.randn(3, 50, 10)
    labels = torch.randint(10, (50,))
    rule = StopRule(2)
    answers = AllAnswers(given_, labels, torch.tensor([[0.2], [0.6], [1.0]]).expand(3, 50).double())
    scored = answers.scored(rule)
    choice = choose_thresholds(scored, 0.6)
    rule.set_thresholds(choice.thresholds)
    logits, taken = rule.choose(list(given_))
    assert np.array_equal(taken.numpy(), scored.taken(choice.thresholds))
    assert 100 * float((logits.argmax(1) == labels).float().mean()) == pytest.approx(choice.top1)


def test_some_members_alone_cost_their_own():
    answers = AllAnswers(torch.randn(3, 4, 2), torch.zeros(4).long(), torch.tensor([[0.2], [0.7], [1.7]]).expand(3, 4))
    pair = answers.of((1, 2))
    torch.testing.assert_close(pair.cost[:, 0], torch.tensor([0.5, 1.5]))
    assert pair.scored(Committee(1)).correct.shape == (4, 2)


def test_a_record_can_hold_it():
    told = choose_thresholds(outcomes(2), 0.1).described()
    assert told["thresholds"][0] == "all images stop" and told["validation_cost"] == pytest.approx(0.3)
