"""Labels for gates: whether an image needs more than the least, after what the network itself answers.

After Li et al., Dynamic Slimmable Network, CVPR 2021, arXiv 2103.13258, who teach one gate for the whole network so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.methods import TrainingBatch
from bench.networks import DynamicNetwork


@dataclass(frozen=True)
class NarrowestLabels:
    """``loss``, and labels for the gates of a menu: is the network wrong about an image at the narrowest step?

    Each step runs the network once more, without gradients.

    Attributes:
        weight: of the labels.
    """

    loss: Callable[[DynamicNetwork, TrainingBatch], Tensor]
    weight: float

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        router: Any = network.router
        router.is_narrowest = True
        labels = is_wrong(network, step)
        router.is_narrowest, router.leanings = False, []
        loss = self.loss(network, step)
        leanings, router.leanings = torch.stack(router.leanings), None
        return loss + self.weight * label_loss(leanings, labels)


@torch.no_grad()
def is_wrong(network: DynamicNetwork, step: TrainingBatch) -> Tensor:
    """Whether the network, as it would be tested, answers each image wrongly: ``[N]``, 0 or 1."""
    network.eval()
    answers = network(step.images).logits.argmax(1)
    network.train()
    return (answers != step.labels).float()


def label_loss(leanings: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of the leanings ``[blocks, N]`` as log-odds of the labels ``[N]``, above those of the batch.

    Leanings of zero are best where a gate knows nothing: labels tell images apart and move no mean.
    """
    prior = labels.mean().clamp(0.5 / len(labels), 1 - 0.5 / len(labels)).logit()
    return F.binary_cross_entropy_with_logits(leanings.float() + prior, labels.expand_as(leanings))
