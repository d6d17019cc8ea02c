"""BlockDrop (Wu, Nagarajan et al., CVPR 2018, arXiv 1711.08393): a policy network drops blocks at one glance.

A small ResNet looks at the image and gives a probability for every block at once. It learns by REINFORCE: the reward
of a correct prediction is ``1 - (used blocks / blocks)^2``, of a wrong one ``-gamma``; the reward of the policy's own
most likely choice is the baseline (self-critical). Stage *curriculum*: the backbone is frozen and the policy takes
over block by block from the last to the first. Stage *joint*: both learn, with the task's loss on the sampled path.

As in the paper, against the public code: the REINFORCE term is a mean over the batch like the cross-entropy (the code
sums it, so its weight grows with the batch), and there is no value head (the code counts one that is never used).
What is ours:

- the policy starts open (p = 0.88), as everything here starts from trained weights;
- in the joint stage the batch mean of the MACs fraction, of the blocks the policy would choose at test time and with
  the policy network itself counted, is pulled to a falling target; the paper trades by gamma alone;
- one third of the epochs for the curriculum (paper: 5000 of 7000 at batch 2048), Adam at 1e-3 in both stages;
- sampling stays within [0.2, 0.8] in the curriculum, as in the paper; in the joint stage the bounds open up to the
  policy's own probabilities, so that the backbone ends on the paths it will be tested on; there is no entropy bonus;
- for images above 32 pixels the policy (ResNet-10 at half resolution) starts from scratch, the paper's from ImageNet.

The policy network costs 12.24 M MACs: 4.8 % of ResNet-110, but 30 % of ResNet-20. ``blockdrop_pooled`` shows it the
image at half resolution, as the paper does on ImageNet, for a quarter of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from timm.models.resnet import BasicBlock, ResNet
from torch import Tensor, nn

from bench.methods.interface import Budget, Method, MethodInfo, Reported, Stage, TrainingBatch, joint_groups
from bench.methods.objective import falling_target, target_penalty
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.blocks import Backbone
from bench.networks.cost import module_macs
from bench.networks.decisions import BlockDecision, LayerDecision, Output
from bench.networks.gates import straight_through
from bench.networks.network import DynamicNetwork
from bench.networks.router import GateCost, Router

BOUND = 0.8
"""Largest probability of an action in the curriculum."""
GAMMA_CURRICULUM, GAMMA_JOINT = 1.0, 5.0
POLICY_LR = 1e-3
INITIAL_BIAS = 2.0


@dataclass
class PolicyTrace:
    """The policy's likeliest choice and what was done, ``[N, blocks]``; of a drawn one its log-probability ``[N]``."""

    likeliest: Tensor
    executed: Tensor
    log_probability: Tensor | None


class PolicyRouter(Router):
    """A policy network on the image decides about all blocks before the first one runs.

    Attributes:
        explores: decisions are drawn in training.
        bound: they are, with probabilities in [1 - bound, bound].
        free: ``[blocks]``, those that it does not decide about: they run. Like ``bound`` a tensor, since a number that
            changes would have a compiled training step compiled anew.
    """

    bound: Tensor
    free: Tensor

    def __init__(self, backbone: Backbone, pooled: bool):
        super().__init__(len(backbone.blocks))
        self.image_shape = backbone.image_shape
        self.pooled = pooled
        self.policy = policy_network(self.image_shape, self.blocks)
        self.explores = False
        self.register_buffer("bound", torch.tensor(BOUND), persistent=False)
        self.register_buffer("free", torch.zeros(self.blocks, dtype=torch.bool), persistent=False)

    def schedule(self, controlled: int, bound: float) -> None:
        """Explores within ``bound`` what the last ``controlled`` blocks are worth."""
        self.explores = True
        self.bound = torch.full_like(self.bound, bound)
        self.free = torch.arange(self.blocks, device=self.free.device) < self.blocks - controlled

    def start(self, images: Tensor) -> PolicyTrace:
        probability = self.policy(F.avg_pool2d(images, 2) if self.pooled else images).sigmoid()
        likeliest = self._controlled_only(straight_through(probability))
        if not (self.explores and self.training):
            return PolicyTrace(likeliest, likeliest, None)
        bounded = self.bound * probability + (1 - self.bound) * (1 - probability)
        action = torch.bernoulli(bounded.detach())
        chosen = torch.where(action > 0, bounded, 1 - bounded).clamp(min=1e-6).log()
        log_probability = chosen.masked_fill(self.free, 0).sum(1)
        return PolicyTrace(likeliest, self._controlled_only(action), log_probability)

    def _controlled_only(self, action: Tensor) -> Tensor:
        return action.masked_fill(self.free, 1)

    def decide_layer(self, index: int, features: Tensor, state: PolicyTrace) -> LayerDecision:
        return LayerDecision(state.executed[:, index], state.executed[:, index])

    def cost(self) -> GateCost:
        channels, height, width = self.image_shape
        shape = (channels, height // 2, width // 2) if self.pooled else self.image_shape
        nothing = (0,) * self.blocks
        return GateCost(module_macs(self.policy, shape), nothing, nothing)


def policy_network(image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
    """ResNet-8 for images of up to 32 pixels, else ResNet-10, as in the paper; images to logits ``[N, outputs]``."""
    small = image_shape[1] <= 32
    policy = cifar_resnet(8, outputs) if small else ResNet(cast(Any, BasicBlock), (1, 1, 1, 1), num_classes=outputs)
    head = cast(nn.Linear, policy.classifier if small else policy.fc)
    nn.init.normal_(head.weight, std=0.01)
    nn.init.constant_(head.bias, INITIAL_BIAS)
    return policy


def reward(logits: Tensor, labels: Tensor, executed: Tensor, gamma: float) -> Tensor:
    """``1 - (used / blocks)^2`` where the prediction is right, else ``-gamma``; ``[N]``."""
    right = logits.argmax(1) == labels
    return torch.where(right, 1 - executed.mean(1).square(), torch.full_like(logits[:, 0], -gamma))


class PolicyLoss:
    """REINFORCE with the self-critical baseline.

    Args:
        point: the operating point.
        joint: also the task's loss on the sampled path, for a backbone that learns too, and the pull to ``point``.
    """

    def __init__(self, point: float, joint: bool):
        self.point = point
        self.joint = joint

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        router, gamma = cast(PolicyRouter, network.router), GAMMA_JOINT if self.joint else GAMMA_CURRICULUM
        if self.joint:
            router.schedule(router.blocks, BOUND + (1 - BOUND) * step.progress)
        else:
            router.schedule(min(router.blocks, 1 + int(step.progress * router.blocks)), BOUND)
        output = network(step.images)
        state = output.state
        with torch.no_grad():
            baseline_logits = run(network.backbone, step.images, state.likeliest)
            advantage = reward(output.logits, step.labels, state.executed, gamma)
            advantage = advantage - reward(baseline_logits, step.labels, state.likeliest, gamma)
        reinforce = -(advantage * state.log_probability).mean()
        if not self.joint:
            return reinforce
        return reinforce + step.task_loss(output.logits) + self._pull(network, output, step.progress)

    def _pull(self, network: DynamicNetwork, output: Output, progress: float) -> Tensor:
        decisions = tuple(BlockDecision(LayerDecision(one, one)) for one in output.state.likeliest.unbind(1))
        start = 1 + network.gate_cost.image / network.backbone_cost.total
        target = falling_target(self.point, progress, start)
        return target_penalty(network, Output(output.logits, decisions), target, progress)


def run(backbone: Backbone, images: Tensor, executed: Tensor) -> Tensor:
    """Logits under given decisions ``[N, blocks]``, in evaluation mode: batch-norm statistics stay untouched."""
    training = backbone.training
    x = backbone.eval().stem(images)
    for block, scale in zip(backbone.blocks, executed.unbind(1)):
        x = block(x, scale)
    backbone.train(training)
    return backbone.head(x)


_WU = "Wu et al. 2018 (arXiv 1711.08393), {}; 2xMAC convention halved, policy network counted"


class BlockDrop(Method):
    """The policy network sees the image at full resolution."""

    info = MethodInfo(
        decides="layer",
        looks_at="image",
        paper="Wu, Nagarajan et al., BlockDrop: Dynamic Inference Paths in Residual Networks, CVPR 2018, "
        "arXiv 1711.08393",
        year=2018,
        reported=(
            Reported("cifar10", "resnet32", 91.3, 43.5e6, _WU.format("table 1, MACs digitised from a figure")),
            Reported("cifar10", "resnet110", 93.6, 90.5e6, _WU.format("public README")),
        ),
    )
    pooled: ClassVar[bool] = False

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        large = backbone.image_shape[1] > 32
        return DynamicNetwork(backbone, PolicyRouter(backbone, pooled=self.pooled or large))

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        assert point is not None
        backbone, policy = joint_groups(network, budget, POLICY_LR)
        curriculum = budget.epochs // 3
        return [
            Stage("curriculum", curriculum, [policy], PolicyLoss(point, joint=False)),
            Stage("joint", budget.epochs - curriculum, [backbone, policy], PolicyLoss(point, joint=True)),
        ]


class BlockDropPooled(BlockDrop):
    """The policy network sees the image at half resolution."""

    pooled = True
