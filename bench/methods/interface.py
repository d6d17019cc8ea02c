"""The face that every method shows to the harness: build a network for an operating point, list training stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor, nn

from bench.methods.calibration import AllAnswers
from bench.networks.blocks import Backbone, SelfGatedUnit
from bench.networks.cascade import Cascade, parts_of
from bench.networks.network import DynamicNetwork


@dataclass(frozen=True)
class Reported:
    """A published result, shown beside what we measure and never mixed with it.

    Attributes:
        top1: percent.
        macs: mean multiply-accumulates per image, None where the source does not tell.
        source: paper or repository, with table or section.
    """

    dataset: str
    backbone: str
    top1: float
    macs: float | None
    source: str


FINE_TUNING_LR, SCRATCH_LR = 0.02, 0.1


@dataclass(frozen=True)
class Budget:
    """How much training a method gets on top of the weights it starts from.

    Attributes:
        epochs: in sum over all its stages.
        pretrained: whether the backbone starts from trained weights or from its initialisation.
        fine_tuning_lr: peak SGD learning rate of a backbone that starts from trained weights, at batch 128.
    """

    epochs: int
    pretrained: bool
    fine_tuning_lr: float = FINE_TUNING_LR


@dataclass(frozen=True)
class TrainingBatch:
    """One training batch, as a stage's loss sees it.

    Attributes:
        images: normalised, ``[N, 3, H, W]``.
        labels: ``[N]``.
        progress: share of the stage that is done, from 0 to 1.
        sample_loss: logits to the task's loss of each sample, ``[N]``: cross-entropy, mixed with distillation from
            the dense network where the run asks for it. The same for every method of a comparison.
        views: of each image, which follow each other: ``images.unflatten(0, (-1, views))``.
    """

    images: Tensor
    labels: Tensor
    progress: float
    sample_loss: Callable[[Tensor], Tensor]
    views: int = 1

    def task_loss(self, logits: Tensor) -> Tensor:
        """Mean of the task's loss over the batch."""
        return self.sample_loss(logits).mean()


Step = TrainingBatch
"""Its former name."""


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that learn at one peak rate; whatever no group names is frozen in that stage.

    Attributes:
        optimiser: ``sgd`` (Nesterov momentum 0.9) or ``adamw``.
    """

    parameters: Sequence[nn.Parameter]
    lr: float
    weight_decay: float = 1e-4
    optimiser: str = "sgd"


@dataclass(frozen=True)
class Stage:
    """One stage of training: what learns, from which loss, for how long.

    Attributes:
        loss: network and batch to a scalar; it runs the forward pass itself.
        warmup: share of the stage over which the learning rate rises before its cosine descent.
        begin: changes the network before the stage's first epoch (prunes it, for instance). Parameters must keep
            their identity; their shapes may change.
        views: how often each image is in its batch, augmented anew each time. An epoch stays one pass over the images
            in as many steps; it costs that many times more, and the record says so.
    """

    name: str
    epochs: int
    groups: Sequence[ParameterGroup]
    loss: Callable[[DynamicNetwork, TrainingBatch], Tensor]
    warmup: float = 0.05
    begin: Callable[[DynamicNetwork], None] | None = None
    views: int = 1


@dataclass(frozen=True)
class MethodInfo:
    """What ``bench list methods`` tells about a method.

    Attributes:
        version: raised by hand when the method's numbers change; records of equal version belong together, whatever
            commit they come from.
    """

    decides: str
    looks_at: str
    paper: str
    year: int | None
    reported: Sequence[Reported] = field(default=())
    version: int = 1


class Method:
    """One way to trade accuracy for computation.

    A method is a class without constructor arguments, registered under the entry-point group ``bench.methods``.
    """

    info: ClassVar[MethodInfo]
    has_points: ClassVar[bool] = True
    """False for a method with a single operating point (the dense network)."""
    package: ClassVar[str] = ""
    """A distribution that it needs and that is not installed with the harness, as ``torch-pruning``."""
    verified_on: ClassVar[str] = "resnet14"
    """A small backbone of the kind that it runs on: what ``bench verify`` builds its networks from."""

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        """A network that starts from ``backbone``.

        Args:
            backbone: owned by the caller for this one network; may be changed.
            point: target mean MACs, gates included, as a fraction of the dense backbone's; None without points.
        """
        raise NotImplementedError

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        """The stages that train ``network``; their epochs add up to ``budget.epochs``."""
        raise NotImplementedError

    def calibrate(
        self, network: DynamicNetwork, point: float | None, answers: Callable[[], AllAnswers]
    ) -> dict[str, Any]:
        """Sets what no gradient sets, from validation images alone; by default nothing.

        Called behind every epoch, before its validation, so that epochs are compared as they would be used.

        Args:
            answers: what ``network`` answers about the validation images, where it has several answers.

        Returns:
            What was set and why, for the record.
        """
        return {}

    def finish(self, network: DynamicNetwork, point: float | None, answers: Callable[[], AllAnswers]) -> dict[str, Any]:
        """As :meth:`calibrate`, once, behind the training and before the test; may also let go of parts in place."""
        return self.calibrate(network, point, answers)


def split_parameters(network: DynamicNetwork | Cascade) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Parameters of the backbone, and of the gates: those of routers, self-gated units and exits."""
    backbones: list[nn.Parameter] = []
    gates: list[nn.Parameter] = []
    for part in parts_of(network):
        backbones += part.backbone.parameters()
        gates += part.router.parameters()
        for unit in part.backbone.modules():
            if isinstance(unit, SelfGatedUnit):
                gates += unit.gate_parameters()
        gates += [] if part.exits is None else part.exits.parameters()
    known = {id(parameter) for parameter in gates}
    return [parameter for parameter in backbones if id(parameter) not in known], gates


BACKBONE_WEIGHT_DECAY = 5e-4


def backbone_lr(budget: Budget) -> float:
    """Peak SGD learning rate for the backbone at batch 128, one for all methods: gentler from trained weights."""
    return budget.fine_tuning_lr if budget.pretrained else SCRATCH_LR


def joint_groups(network: DynamicNetwork, budget: Budget, gate_lr: float) -> list[ParameterGroup]:
    """Backbone and gates learn together: SGD for the one, AdamW at its own rate and without decay for the others."""
    backbone, gates = split_parameters(network)
    return [
        ParameterGroup(backbone, backbone_lr(budget), weight_decay=BACKBONE_WEIGHT_DECAY),
        ParameterGroup(gates, gate_lr, weight_decay=0.0, optimiser="adamw"),
    ]
