"""SkipNet: its gates' cost, its two stages, and the known defects of the public code."""

import pytest
import torch

from baselines.skipnet import SkipNet, SkipNetFF1, SkipNetFF2, policy_gradient
from bench.backbones import build_backbone
from bench.dynamic.method import Budget
from bench.evaluation import evaluate
from bench.training import Recipe, train


@pytest.mark.parametrize(
    ("method", "depth", "share"),
    [(SkipNetFF1, 38, 0.156), (SkipNetFF2, 110, 0.125), (SkipNet, 110, 0.00025)],
)
def test_gate_cost_relative_to_a_block(method, depth, share):
    """Layer sums: FFGate-I 15.6 %, FFGate-II 12.5 %, recurrent 0.02 to 0.03 % of a block's MACs."""
    network = method().build(build_backbone(f"resnet{depth}b", classes=10), 0.5)
    index = len(network.backbone.blocks) - 1  # reads and runs at the same resolution
    found = network.gate_cost.layer[index] / network.backbone_cost.blocks[index].branch
    assert found == pytest.approx(share, rel=0.05 if method is not SkipNet else 0.2)


def test_recurrent_gate_costs_what_the_definition_says():
    cost = SkipNet().build(build_backbone("resnet110", classes=10), 0.5).gate_cost
    assert cost.layer[0] == 0  # the first block always runs; nothing is built behind the last one
    assert min(cost.layer[1:]) == 970 and max(cost.layer) == 1450
    assert len(cost.layer) == 54


@pytest.mark.parametrize("method", [SkipNet, SkipNetFF1, SkipNetFF2])
def test_a_batch_of_one_works(method):
    network = method().build(build_backbone("resnet8", classes=10), 0.5).eval()
    assert network(torch.randn(1, 3, 32, 32)).executed().shape == (1, 3)


def test_reinforce_does_not_depend_on_the_size_of_the_batch():
    """Every sample shown twice gives the same loss (the public code of rivals sums one term and averages another)."""
    torch.manual_seed(0)
    log_probabilities, returns = torch.randn(6, 4), torch.randn(6, 4)
    once = policy_gradient(log_probabilities, returns)
    twice = policy_gradient(log_probabilities.repeat(2, 1), returns.repeat(2, 1))
    assert once.item() == pytest.approx(twice.item(), rel=1e-5)


def test_each_sample_is_credited_with_its_own_return():
    log_probabilities = torch.zeros(3, 1, requires_grad=True)
    policy_gradient(log_probabilities, torch.tensor([[1.0], [0.0], [-1.0]])).backward()
    assert torch.allclose(log_probabilities.grad, torch.tensor([[-1 / 3], [0.0], [1 / 3]]))


def test_stages_follow_the_paper_from_scratch():
    network = SkipNet().build(build_backbone("resnet8", classes=10), 0.5)
    stages = SkipNet().stages(network, 0.5, Budget(190, pretrained=False))
    assert [(stage.name, stage.epochs) for stage in stages] == [("supervised", 164), ("hybrid", 26)]


def _train(method, digits, tmp_path, point, epochs):
    torch.manual_seed(0)
    network = method.build(build_backbone("resnet14", classes=10), point)
    # Half-open gates: the soft variant must have something to blend.
    torch.nn.init.zeros_(network.router.output.bias)
    stages = method.stages(network, point, Budget(epochs, pretrained=False))[:1]
    train(
        network, stages, digits, Recipe(batch_size=32),
        point=None, seed=0, teacher=None, checkpoint=tmp_path / "checkpoint.pt",
    )  # fmt: skip
    return network


def test_soft_training_collapses_at_hard_test_time(digits, tmp_path):
    """Paper, table 3: trained with blended gates, tested with hard ones, accuracy collapses; hard training holds.

    On 500 easy digits the gap is smaller than on CIFAR-10; 10 points are more than four standard errors.
    """

    class Soft(SkipNet):
        soft = True

    accuracy = {}
    for name, method in (("hard", SkipNet()), ("soft", Soft())):
        folder = tmp_path / name
        folder.mkdir()
        network = _train(method, digits, folder, 0.5, 7)
        accuracy[name] = 100 * evaluate(network, digits, digits.test).samples["correct"].mean()
    assert accuracy["hard"] > 80
    assert accuracy["soft"] < accuracy["hard"] - 10, accuracy
