"""Every kernel against PyTorch, by Triton's interpreter. Not collected by name: ``test_triton.py`` runs it in a process
of its own, since Triton decides between interpreting and compiling when it is imported."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from triton.runtime.interpreter import InterpreterOptions, interpreter_builder

from bench.execution.triton.launches import Chosen, run_classifier, run_exit, run_gate, run_max_pool, run_subsample
from bench.execution.triton.launches import run_unit as launch_unit
from bench.execution.triton.maps import Answers, Decided, Map
from bench.execution.triton.parameters import ExitWeights, LinearWeights, UnitWeights
from bench.networks.backbones.cifar import ParameterFreeShortcut
from bench.networks.exits import Exits, PooledHead
from bench.networks.stopping import Entropy, StopRule

# Checks of integers for overflow take half of the time, and nothing here is large.
interpreter_builder.options = InterpreterOptions(sanitize_overflow=False)
COUNTS = [1, 7]
LIKE = torch.empty(0)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def a_map(count: int, channels: int, height: int, width: int, pooled: bool = True) -> Map:
    """Features as behind a ReLU, with the sums of each tile."""
    x = Map.empty(count, height, width, channels, LIKE, pooled)
    x.values.copy_(torch.randn_like(x.values).relu())
    if pooled:
        x.pooled.copy_(sums_of_tiles(x))
    return x


def sums_of_tiles(x: Map) -> torch.Tensor:
    return torch.stack([part.sum(1) for part in x.values.float().split(x.tile, 1)], 1)


def weights_of(inputs: int, outputs: int, size: int, stride: int = 1) -> UnitWeights:
    return UnitWeights(torch.randn(size * size, inputs, outputs) / 5, torch.randn(outputs), size, stride)


def convolved(x: torch.Tensor, weights: UnitWeights) -> torch.Tensor:
    size = weights.size
    kernel = weights.weight.permute(2, 1, 0).unflatten(2, (size, size))
    return F.conv2d(x, kernel, weights.bias, weights.stride, size // 2)


def same(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def decisions(count: int, inner: int, kind: str) -> Decided:
    """``kind`` of decision in every sample, or, ``mixed``, another in each."""
    kept = {"all": torch.ones(inner), "none": torch.zeros(inner), "one": torch.arange(inner) == inner // 2}
    decided = Decided.empty(count, inner, True, torch.device("cpu"))
    for sample in range(count):
        chosen = kept[kind] if kind in kept else (torch.rand(inner) > 0.5)
        places = chosen.nonzero().flatten()
        decided.counts[sample] = len(places)
        decided.kept[sample, : len(places)] = places
        decided.channel_scale[sample, places] = torch.rand(len(places)) + 0.1
        decided.scales[sample] = {"skipped": 0.0, "mixed": float(sample % 3 > 0) / 2}.get(kind, 0.7)
    return decided


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("kind", ["all", "none", "one", "mixed", "skipped"])
def test_a_block_of_any_decisions(count, kind):
    """Two tiles, and two chunks of inner channels; none of these numbers is round."""
    channels, inner = 5, 19
    x, hidden = a_map(count, channels, 7, 10), Map.empty(count, 7, 10, inner, LIKE, False)
    first, second = weights_of(channels, inner, 3), weights_of(inner, channels, 3)
    decided, before, sums = decisions(count, inner, kind), x.images().clone(), x.pooled.clone()
    launch_unit(first, x, hidden, "relu", Chosen(decided.scales, decided, outputs=True), "ieee")()
    launch_unit(second, hidden, x, "add", Chosen(decided.scales, decided, inputs=True), "ieee")()

    inside = convolved(before, first).relu() * decided.channel_scale[:, :, None, None]
    expected = (before + decided.scales[:, None, None, None] * convolved(inside, second)).relu()
    same(x.images(), expected)
    same(x.pooled, sums_of_tiles(x))
    skipped = decided.scales == 0
    assert torch.equal(x.values[skipped], before.permute(0, 2, 3, 1).flatten(1, 2)[skipped])
    assert torch.equal(x.pooled[skipped], sums[skipped]), "who skips leaves even the sums as they are"


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("size, stride, precision", [(1, 1, "ieee"), (3, 2, "ieee"), (1, 2, "tf32"), (5, 2, "ieee")])
def test_a_unit_of_any_shape_for_all_samples(count, size, stride, precision):
    outputs = 70 if size == 1 else 3
    x, weights = a_map(count, 3, 9, 12), weights_of(3, outputs, size, stride)
    y = Map.empty(count, (9 - 1) // stride + 1, (12 - 1) // stride + 1, outputs, LIKE)
    launch_unit(weights, x, y, "relu", Chosen(), precision)()
    same(y.images(), convolved(x.images(), weights).relu())
    same(y.pooled, sums_of_tiles(y))


def test_a_projected_shortcut_ends_in_a_relu_only_where_nothing_is_added_to_it():
    x, weights = a_map(3, 5, 6, 6), weights_of(5, 9, 1, 2)
    y = Map.empty(3, 3, 3, 9, LIKE)
    launch_unit(weights, x, y, "shortcut", Chosen(torch.tensor([0.5, 0.0, -1.0])), "ieee")()
    expected = convolved(x.images(), weights)
    same(y.images()[:2], torch.stack([expected[0], expected[1].relu()]))
    assert not y.values[2].any(), "who has answered computes nothing"


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("height, width", [(7, 9), (16, 17)])
def test_the_shortcut_without_parameters(count, height, width):
    x = a_map(count, 5, height, width)
    y = Map.empty(count, (height + 1) // 2, (width + 1) // 2, 11, LIKE)
    run_subsample(x, y, 3, torch.zeros(count))()
    same(y.images(), ParameterFreeShortcut(5, 11)(x.images()))
    same(y.pooled, sums_of_tiles(y))
    before = y.values.clone()
    x.values.fill_(1)
    run_subsample(x, y, 3, -torch.ones(count))()
    assert torch.equal(y.values, before)


@pytest.mark.parametrize("count", COUNTS)
def test_the_pool_behind_a_stem(count):
    x, y = a_map(count, 70, 7, 6, pooled=False), Map.empty(count, 4, 3, 70, LIKE)
    run_max_pool(x, y, None)()
    same(y.images(), F.max_pool2d(x.images(), 3, 2, 1))
    same(y.pooled, sums_of_tiles(y))


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("channels, inner, menu", [(5, 19, 0), (70, 24, 4)])
def test_gates_are_linear_functions_of_the_pooled_input(count, channels, inner, menu):
    x, decided = a_map(count, channels, 9, 10), Decided.empty(count, inner, True, LIKE.device)
    layer, channel = nn.Linear(channels, 1), nn.Linear(channels, menu or inner)
    nn.init.normal_(layer.weight)
    nn.init.normal_(channel.weight)
    run_gate(x, LinearWeights.of(layer), LinearWeights.of(channel), menu, decided, None)()

    features = x.images().mean((2, 3))
    scales, scores = layer(features).squeeze(1).clamp(0, 1), channel(features)
    if menu:
        scores = scores.cummin(1).values.repeat_interleave(inner // menu, 1)
    same(decided.scales, scales)
    for sample in scales.nonzero().flatten().tolist():
        same(decided.channel_scale[sample], scores[sample].clamp(0, 1))
        chosen = (scores[sample] > 0).nonzero().flatten()
        assert decided.kept[sample, : decided.counts[sample]].tolist() == chosen.tolist()


def test_who_has_answered_is_not_asked_and_layers_without_a_gate_run():
    x, decided = a_map(3, 5, 4, 4), Decided.empty(3, 4, True, LIKE.device)
    run_gate(x, None, LinearWeights.of(nn.Linear(5, 4)), 0, decided, torch.tensor([1.0, -1.0, 1.0]))()
    assert decided.scales.tolist() == [1, -1, 1]


@pytest.mark.parametrize("classes", [10, 70])
def test_the_classifier_answers_for_those_who_have_not(classes):
    x, linear = a_map(3, 70, 9, 10), nn.Linear(70, classes)
    answers = Answers.empty(3, classes, True, LIKE.device)
    answers.alive[1] = -1
    run_classifier(x, LinearWeights.of(linear), answers.logits, answers.alive)()
    expected = linear(x.images().mean((2, 3)))
    expected[1] = 0
    same(answers.logits, expected)


@pytest.mark.parametrize(
    "height, width, size, rule", [(7, 9, 8, StopRule), (3, 2, 8, StopRule), (3, 3, 3, StopRule), (3, 3, 3, Entropy)]
)
def test_an_exit_answers_for_those_who_are_sure(height, width, size, rule):
    x, head = a_map(7, 5, height, width), PooledHead(5, size, 10)
    nn.init.normal_(head.linear.weight)
    if head.mix is not None:
        nn.init.normal_(head.mix)
    answers, expected = Answers.empty(7, 10, True, LIKE.device), head(x.images(), [])
    answers.alive[3] = -1
    exits = Exits(dict(enumerate([nn.Identity(), nn.Identity(), head])), rule(3))
    scores = exits.rule.score([expected])
    threshold = scores.sort().values[2:4].mean()
    exits.rule.thresholds[2] = threshold
    run_exit(x, ExitWeights.of(exits, 2, (height, width, 5)), answers)()
    leaves = scores > threshold
    leaves[3] = False
    same(answers.logits, torch.where(leaves[:, None], expected, 0.0))
    assert answers.taken.tolist() == (2 * leaves).tolist()
    assert (answers.alive > 0).tolist() == [not (left or number == 3) for number, left in enumerate(leaves.tolist())]
