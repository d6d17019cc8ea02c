"""SkipNet: its gates' cost, its two stages, and the known defects of the public code."""

import pytest
import torch

from baselines.dense import Dense
from baselines.skipnet import RATE, HybridLoss, RecurrentRouter, SkipNet, SkipNetFF1, SkipNetFF2, policy_gradient
from bench.measurement.evaluation import evaluate
from bench.methods.interface import Budget, ParameterGroup, Stage, TrainingBatch, split_parameters
from bench.methods.objective import target_penalty
from bench.networks.backbones import build_backbone
from bench.networks.network import DynamicNetwork
from bench.training import Checkpoint, Recipe, Trainer


@pytest.mark.parametrize(
    ("method", "depth", "share"),
    [(SkipNetFF1, 38, 0.156), (SkipNetFF2, 110, 0.125), (SkipNet, 110, 0.0003)],
)
def test_gate_cost_relative_to_a_block(method, depth, share):
    """Layer sums: FFGate-I 15.6 %, FFGate-II 12.5 %, recurrent 0.02 to 0.03 % of a block's MACs."""
    network = method().build(build_backbone(f"resnet{depth}b", classes=10), 0.5)
    index = len(network.backbone.blocks) - 1  # reads and runs at the same resolution
    found = network.gate_cost.layer[index] / network.backbone_cost.blocks[index].branch
    assert found == pytest.approx(share, rel=0.05)


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


def test_the_threshold_keeps_up_with_gates_that_learn_to_stay_open():
    """Scores rise by 0.02 a step, as on digits: at a rate of 0.3 MACs stayed 0.07 above the target, and a whole block
    was still to be closed when training ended. The mean of 40 batches of 32 draws has a standard error below 0.01."""
    torch.manual_seed(0)
    network = SkipNet().build(build_backbone("resnet14-w0.25", classes=10), 0.5).train()
    images, labels = torch.randn(32, 3, 32, 32), torch.zeros(32, dtype=torch.long)
    step = TrainingBatch(
        images, labels, 0.35, lambda logits: torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    )
    loss, before, misses = HybridLoss(0.5), 0.0, []
    for _ in range(240):
        loss(network, step)
        misses.append((float(network.router.threshold) - before) / RATE)
        before = float(network.router.threshold)
        network.router.offsets.data += 0.02
    assert abs(sum(misses[-40:]) / 40) < 0.03


def test_stages_follow_the_paper_from_scratch():
    network = SkipNet().build(build_backbone("resnet8", classes=10), 0.5)
    stages = SkipNet().stages(network, 0.5, Budget(190, pretrained=False))
    assert [(stage.name, stage.epochs) for stage in stages] == [("supervised", 164), ("hybrid", 26)]


def test_soft_training_collapses_under_hard_gates(digits, tmp_path):
    """Paper, table 3: blended in training and thresholded at test time, a network loses most of its accuracy.

    Under a price all probabilities settle below one half: together the faint blocks classify, thresholded none runs.
    Seen: 82 % blended, 26 % hard, in the first of four epochs, which is chosen since hard gates only get worse: 12 % in
    the last; the bounds leave room for other processors' rounding, which training amplifies.
    """
    torch.manual_seed(0)
    recipe = Recipe(batch_size=32)
    backbone = build_backbone("resnet14", classes=10)
    dense = Dense().build(backbone, None)
    stages = Dense().stages(dense, None, Budget(5, pretrained=False))
    Trainer(dense, digits, recipe, Checkpoint(tmp_path / "dense.pt")).fit(stages)

    network = DynamicNetwork(backbone, RecurrentRouter(backbone, soft=True))
    shared, gates = split_parameters(network)
    groups = [ParameterGroup(shared, 0.02), ParameterGroup(gates, 0.02, weight_decay=0.0, optimiser="adamw")]

    def loss(network, step):
        output = network(step.images)
        return step.task_loss(output.logits) + target_penalty(network, output, 0.45, step.progress)

    stage = Stage("soft", 4, groups, loss)
    Trainer(network, digits, recipe, Checkpoint(tmp_path / "soft.pt")).fit([stage])
    hard = evaluate(network, digits, digits.validation).samples["correct"].mean()
    network.router.train()  # blends, and standardises by the batch, since its statistics are those under hard gates
    blended = evaluate_as_is(network, digits)
    assert blended > 0.7
    assert hard < blended - 0.3


@torch.no_grad()
def evaluate_as_is(network, data) -> float:
    """Accuracy over the validation images, in whatever mode the parts of ``network`` are."""
    logits = network(data.normalise(data.validation.images)).logits
    return (logits.argmax(1) == data.validation.labels).float().mean().item()
