"""SkipNet (Wang, Yu, Dou, Darrell, Gonzalez, ECCV 2018, arXiv 1711.09485): gates between blocks, trained in two stages.

The gate after block k reads its output and decides about block k + 1; the first block always runs, so n blocks have
n - 1 gates. There is a recurrent gate shared by all blocks (the paper's default) and two feed-forward ones.

Stage *supervised*: hard gates with a straight-through gradient, no term for computation. Stage *hybrid*: gates are
sampled, and REINFORCE adds the cost of the blocks that ran; the task's loss reaches the backbone on the sampled path.

Defects of the public code that are avoided here: a sample's log-probability meets its own reward (``[N]`` with
``[N]``, detached) and both terms are means over the batch; the shortcut of a stage start runs once; no gate is built
behind the last block; squeezing keeps the batch dimension, so a batch of one works.

What we decide ourselves, because budgets here are short, start from trained weights and aim at an operating point:

- gates start open (logits 1 to 3), since a half-closed start would destroy a trained backbone, and in the order of
  their blocks' importance: gates that start alike are met by the rising threshold all at once, and on ResNet-20 a stage
  start was among the first that closed (83 % at 0.59). The recurrent gate has an offset for each block to that end;
- the recurrent gate reads its pooled features standardised (batch norm without affine, detached): raw ones differ so
  little between images that all of them took one path, and the operating point could only be met in whole blocks;
- the operating point is held as for LC-Net: the paper's alpha is constant (``PRICE``), and a threshold common to all
  gates follows a falling target of the batch's mean MACs. Adapting alpha instead went on closing gates long after the
  target was met (14 % on digits), or left them half open, drawn in training and thresholded away at test time (25 %);
- for the same reason drawing cools and, for the last two fifths of the hybrid stage, is thresholding: gates rest there
  while the network gets used to the paths, and the batch norms to the features, that will be tested;
- a block's cost in the reward is its share of the MACs, not 1;
- the batch mean is subtracted from the returns (the paper has no baseline; the gradient stays unbiased up to 1/N);
- from trained weights the supervised stage, whose length in the paper trains the backbone, takes a sixth of the epochs
  (none of 3) and the hybrid stage the rest; from scratch 164 : 26 as in the paper's CIFAR schedule;
- a skipped block yields ``relu(shortcut(x))`` for both shortcut options, as everywhere in this suite.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.dense import cross_entropy
from bench.errors import BadInput
from bench.methods.interface import Budget, Method, MethodInfo, Reported, Stage, TrainingBatch, joint_groups
from bench.methods.objective import falling_target
from bench.networks.blocks import Backbone, ResidualBlock
from bench.networks.decisions import LayerDecision, Output
from bench.networks.gates import straight_through
from bench.networks.importance import block_importance
from bench.networks.modules import Modules
from bench.networks.network import DynamicNetwork
from bench.networks.router import GateCost, Router

HIDDEN = 10
"""Width of the recurrent gate (paper, section 3.1)."""
ROUTER_LR = 0.0005
HYBRID_LR = 0.003
COLDEST, COOLING, SETTLED = 0.01, 0.6, 1e-6
"""The temperature of drawing falls from 1 to ``COLDEST`` over the share ``COOLING`` of the hybrid stage. Then gates are
settled: drawing is thresholding, their gradient vanishes, and the rest of the network gets used to their paths."""
INITIAL_BIAS, INITIAL_RANGE, INITIAL_SPREAD = 1.0, 2.0, 0.3
PRICE = 2.0
"""The paper's alpha: loss that one more backbone's worth of MACs must be worth to a gate."""
RATE, SETTLED_RATE = 1.0, 0.1
"""Rise of the threshold per step and unit of MACs fraction above the target. While gates learn, fast enough to keep up
with their scores, which rise by about 0.02 a step: at 0.3 it stayed 0.08 above the target until gates settled, and then
closed a block under a backbone that had almost ceased to learn (62 % on digits). Slowly where nothing else moves, since
then it has to find its place within the small differences between images, but not so slowly that it arrives there when
training is over."""


@dataclass
class SkipTrace:
    """What one pass remembers: the recurrent state, and per gate the log-probability ``[N]`` of what was drawn."""

    state: tuple[Tensor, Tensor] | None = None
    log_probabilities: list[Tensor] = field(default_factory=list)


class SkipRouter(Router):
    """What all gates of SkipNet share: probabilities to decisions. Subclasses give the probabilities.

    Args:
        soft: in training, blend with the probability instead of a hard decision. Tests stay hard; this is the
            variant whose accuracy collapses (paper, table 3), kept to show just that.
    """

    threshold: Tensor

    def __init__(self, backbone: Backbone, soft: bool = False):
        super().__init__(len(backbone.blocks))
        self.soft = soft
        self.temperature = 0.0
        self.register_buffer("threshold", torch.zeros(()))

    @contextmanager
    def sampled(self, temperature: float) -> Iterator[None]:
        """Within this context decisions are drawn, and their log-probabilities kept in the trace.

        Args:
            temperature: of the gates' sigmoid; towards 0, drawing becomes thresholding.
        """
        self.temperature = temperature
        try:
            yield
        finally:
            self.temperature = 0.0

    def start(self, images: Tensor) -> SkipTrace:
        return SkipTrace()

    def logit(self, index: int, features: Tensor, state: SkipTrace) -> Tensor:
        """Logit ``[N]`` of executing block ``index`` (from 1)."""
        raise NotImplementedError

    def decide_layer(self, index: int, features: Tensor, state: SkipTrace) -> LayerDecision:
        if index == 0:
            return LayerDecision.always(features)
        logit = self.logit(index, features, state) - self.threshold
        if self.temperature:
            drawn = torch.distributions.Bernoulli(logits=logit / self.temperature, validate_args=False)
            action = drawn.sample()
            state.log_probabilities.append(drawn.log_prob(action))
            return LayerDecision(action, action)
        probability = logit.sigmoid()
        executed = probability if self.soft and self.training else straight_through(probability)
        return LayerDecision(executed, executed)


def initial_logits(backbone: Backbone) -> Tensor:
    """``[gates]``: all open, the more so the more important the block."""
    importance = block_importance(backbone.blocks)[1:]
    return INITIAL_BIAS + INITIAL_RANGE * importance.argsort().argsort() / len(importance)


class RecurrentRouter(SkipRouter):
    """RNNGate: pooled features, a projection per block, one LSTM cell and one output shared by all blocks."""

    def __init__(self, backbone: Backbone, soft: bool = False):
        super().__init__(backbone, soft)
        self.projections = Modules(nn.Linear(block.in_channels, HIDDEN) for block in backbone.blocks[1:])
        self.norms = Modules(nn.BatchNorm1d(block.in_channels, affine=False) for block in backbone.blocks[1:])
        self.cell = nn.LSTMCell(HIDDEN, HIDDEN)
        self.output = nn.Linear(HIDDEN, 1)
        nn.init.normal_(self.output.weight, std=INITIAL_SPREAD)
        nn.init.zeros_(self.output.bias)
        self.offsets = nn.Parameter(initial_logits(backbone))

    def logit(self, index: int, features: Tensor, state: SkipTrace) -> Tensor:
        state.state = self.cell(self.projections[index - 1](self.norms[index - 1](features.detach())), state.state)
        return self.output(state.state[0]).squeeze(1) + self.offsets[index - 1]

    def cost(self) -> GateCost:
        shared = 2 * 4 * HIDDEN * HIDDEN + HIDDEN
        layer = (0, *(projection.weight.numel() + shared for projection in self.projections))
        return GateCost(0, layer, (0,) * self.blocks)


def _gate_conv(channels: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU())


class FeedForwardRouter(SkipRouter):
    """FFGate-II: a strided 3x3 convolution, pooling, one linear layer per block; ``deep`` makes it FFGate-I, with 2x2
    max pooling and one more convolution in front."""

    def __init__(self, backbone: Backbone, deep: bool, soft: bool = False):
        super().__init__(backbone, soft)
        self.deep = deep
        self.features = Modules(self._features(block) for block in backbone.blocks[1:])
        self.outputs = Modules(nn.Linear(block.in_channels, 2) for block in backbone.blocks[1:])
        for output, logit in zip(self.outputs, initial_logits(backbone)):
            output.bias.data = torch.stack([torch.zeros(()), logit])
        self.gate_macs = tuple(_gate_macs(backbone, self.features, self.outputs))

    def _features(self, block: ResidualBlock) -> nn.Sequential:
        channels = block.in_channels
        if self.deep:
            return nn.Sequential(nn.MaxPool2d(2), _gate_conv(channels, 1), _gate_conv(channels, 2))
        return nn.Sequential(_gate_conv(channels, 2))

    def gate_input(self, index: int, x: Tensor) -> Tensor:
        if index == 0:
            return x
        return self.features[index - 1](x).mean((2, 3))

    def logit(self, index: int, features: Tensor, state: SkipTrace) -> Tensor:
        skipped, executed = self.outputs[index - 1](features).unbind(1)
        return executed - skipped

    def cost(self) -> GateCost:
        return GateCost(0, (0, *self.gate_macs), (0,) * self.blocks)


@torch.no_grad()
def _gate_macs(backbone: Backbone, features: Modules[nn.Sequential], outputs: Modules[nn.Linear]) -> Iterator[int]:
    """MACs of each feed-forward gate, from the shapes of the block inputs.

    Raises:
        BadInput: inputs that 2x2 pooling leaves nothing of, as of a transformer, whose tokens are one map wide.
    """
    x = backbone.stem.eval()(torch.zeros(1, *backbone.image_shape))
    for index, block in enumerate(backbone.blocks):
        if index > 0:
            macs, y = outputs[index - 1].weight.numel(), x
            for layer in features[index - 1]:
                if isinstance(layer, nn.MaxPool2d) and min(y.shape[2:]) < 2:
                    size = " x ".join(map(str, y.shape[2:]))
                    raise BadInput(
                        f"FFGate-I pools maps 2 x 2, and those before block {index + 1} of {backbone.name} are {size}: "
                        "choose skipnet or skipnet_ff2"
                    )
                y = layer.eval()(y)
                if isinstance(layer, nn.Sequential):
                    macs += y[0, 0].numel() * cast(nn.Conv2d, layer[0]).weight.numel()
            yield macs
        x = block.eval()(x)


class HybridLoss:
    """Task loss plus REINFORCE (paper, section 3.3): the return of gate i is minus the cost of the gated blocks from i
    on, weighted by ``PRICE``, minus the sample's cross-entropy (without distillation, whose scale is another).

    Args:
        point: MACs fraction at which the thresholded gates are to land.
    """

    def __init__(self, point: float):
        self.point = point

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        settling = step.progress > COOLING
        temperature = SETTLED if settling else COLDEST ** (step.progress / COOLING)
        router: Any = network.router
        with router.sampled(temperature):
            output = network(step.images)
        miss = network.macs_fraction(output).mean() - falling_target(self.point, step.progress / COOLING)
        # Replaced, not changed: the backward pass of a compiled network may still need the old one.
        rate = SETTLED_RATE if settling else RATE
        router.threshold = router.threshold + rate * miss.detach()
        drawn = torch.stack(output.state.log_probabilities, 1)
        return step.task_loss(output.logits) + policy_gradient(drawn, self._returns(network, output, step))

    @staticmethod
    @torch.no_grad()
    def _returns(network: DynamicNetwork, output: Output, step: TrainingBatch) -> Tensor:
        """``[N, gates]``."""
        cost = network.backbone_cost
        share = torch.tensor([block.branch / cost.total for block in cost.blocks[1:]], device=step.images.device)
        rewards = -PRICE * output.executed()[:, 1:] * share
        terminal = -F.cross_entropy(output.logits, step.labels, reduction="none")
        return rewards.flip(1).cumsum(1).flip(1) + terminal[:, None]


def policy_gradient(log_probabilities: Tensor, returns: Tensor) -> Tensor:
    """REINFORCE with the batch mean as baseline, for actions ``[N, gates]``: a mean over samples, so that showing
    every sample twice changes nothing."""
    advantage = returns - returns.mean(0)
    return -(log_probabilities * advantage).sum(1).mean()


_README = "ucbdrive/skipnet README (selected on the test set; MACs from executed blocks)"


class SkipNet(Method):
    """SkipNet with the recurrent gate."""

    info = MethodInfo(
        decides="layer",
        looks_at="output of the previous block",
        paper="Wang et al., SkipNet: Learning Dynamic Routing in Convolutional Networks, ECCV 2018, arXiv 1711.09485",
        year=2018,
        reported=(
            Reported("cifar10", "resnet38", 92.75, 59e6, _README),
            Reported("cifar10", "resnet74", 92.77, 88e6, _README),
            Reported("cifar10", "resnet110", 93.30, 125e6, _README),
        ),
    )
    soft: ClassVar[bool] = False

    def router(self, backbone: Backbone) -> SkipRouter:
        return RecurrentRouter(backbone, self.soft)

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        return DynamicNetwork(backbone, self.router(backbone))

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        assert point is not None
        share = 1 / 6 if budget.pretrained else 164 / 190
        supervised_epochs = min(round(budget.epochs * share), max(0, budget.epochs - 1))
        supervised, hybrid = (joint_groups(network, budget, rate) for rate in (ROUTER_LR, HYBRID_LR))
        return [
            Stage("supervised", supervised_epochs, supervised, cross_entropy),
            Stage("hybrid", budget.epochs - supervised_epochs, hybrid, HybridLoss(point)),
        ]


class SkipNetFF1(SkipNet):
    """SkipNet with FFGate-I, the paper's feed-forward gate for shallower networks."""

    def router(self, backbone: Backbone) -> SkipRouter:
        return FeedForwardRouter(backbone, deep=True, soft=self.soft)


class SkipNetFF2(SkipNet):
    """SkipNet with FFGate-II, the paper's feed-forward gate for deeper networks."""

    def router(self, backbone: Backbone) -> SkipRouter:
        return FeedForwardRouter(backbone, deep=False, soft=self.soft)
