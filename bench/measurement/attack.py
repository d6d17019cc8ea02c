"""Images changed within a bound so that a network spends more on them: how robust its saving is.

Hong, Kaya, Modoranu, Dumitraş, A Panda? No, It's a Sloth: Slowdown Attacks on Adaptive Multi-Exit Neural Network
Inference, ICLR 2021 (arXiv 2010.02432), for answers that come early; Haque et al., ILFO, CVPR 2020, and Pan et al.,
GradAuto, ECCV 2022, for gates. Here: projected gradient ascent (Madry et al., ICLR 2018) on the masked network's cost,
which is differentiable. Pixels move on the 256 levels that images are stored in, so every result is an image.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from bench.data import DataSet, Split
from bench.networks.cascade import Cascade
from bench.networks.decisions import Output
from bench.networks.network import DynamicNetwork
from bench.system.seeds import derive_seed

BATCH = 100
MARGIN = 1.0
"""Logits by which the prediction that is to be kept must lead before a step raises the cost again."""


@dataclass(frozen=True)
class Ascent:
    """How far and how long.

    Attributes:
        epsilon: largest change of a pixel, in levels of 255.
        step: of one step, in levels.
        restarts: the first one begins at the image, others at random within the bound.
    """

    epsilon: int = 8
    step: int = 2
    steps: int = 20
    restarts: int = 1
    seed: int = 0


def costly_images(
    network: DynamicNetwork | Cascade, data: DataSet, split: Split, ascent: Ascent, keep: bool = False
) -> Tensor:
    """The dearest images found within the bound, ``[N, 3, H, W]`` uint8: where nothing is dearer, as they were.

    Args:
        network: in the masked form, in evaluation mode.
        keep: only images on which the network predicts what it did before.
    """
    generator = torch.Generator().manual_seed(derive_seed("attack", ascent.seed))
    done = [_batch(network, data, images, ascent, keep, generator) for images, _ in split.batches(BATCH)]
    return torch.cat(done)


def universal_images(
    network: DynamicNetwork | Cascade, data: DataSet, learn: Split, split: Split, ascent: Ascent
) -> Tensor:
    """The images of ``split``, all with one change that raises the mean cost of the images ``learn``.

    After Moosavi-Dezfooli et al., Universal adversarial perturbations, CVPR 2017.
    """
    change = torch.zeros(1, *learn.images.shape[1:])
    for _ in range(ascent.steps):
        for images, _ in learn.batches(BATCH):
            x = (images + change).clamp(0, 255).requires_grad_()
            with _attached():
                price = _price(network, network(_normalised(x, data)))
            if not price.requires_grad:
                return split.images
            (slope,) = torch.autograd.grad(price.sum(), x)
            change = (change + slope.sum(0, keepdim=True).sign()).clamp(-ascent.epsilon, ascent.epsilon)
    return (split.images + change).clamp(0, 255).to(torch.uint8)


def noisy_images(split: Split, ascent: Ascent) -> Tensor:
    """The control: every pixel at one end of the bound, by chance."""
    generator = torch.Generator().manual_seed(derive_seed("noise", ascent.seed))
    signs = 2 * torch.randint(2, split.images.shape, generator=generator) - 1
    return (split.images + ascent.epsilon * signs).clamp(0, 255).to(torch.uint8)


def _batch(
    network: DynamicNetwork | Cascade,
    data: DataSet,
    images: Tensor,
    ascent: Ascent,
    keep: bool,
    random: torch.Generator,
) -> Tensor:
    with torch.no_grad():
        before = network(_normalised(images.float(), data))
    predicted, best, dearest = before.logits.argmax(1), images.float(), network.cost(before).total
    for restart in range(ascent.restarts):
        x = images.float()
        if restart:
            noise = torch.randint(-ascent.epsilon, ascent.epsilon + 1, images.shape, generator=random)
            x = _within(x + noise, images, ascent)
        for number in range(ascent.steps + 1):
            x.requires_grad_()
            with _attached():
                output = network(_normalised(x, data))
                aim = _aim(network, output, predicted, keep)
            cost = network.cost(output).total.detach()
            better = cost > dearest
            if keep:
                better &= output.logits.argmax(1) == predicted
            best[better], dearest[better] = x.detach()[better], cost[better]
            if number == ascent.steps or not aim.requires_grad:
                break
            (slope,) = torch.autograd.grad(aim.sum(), x)
            x = _within(x.detach() + ascent.step * slope.sign(), images, ascent)
    return best.to(torch.uint8)


def _aim(network: DynamicNetwork | Cascade, output: Output, predicted: Tensor, keep: bool) -> Tensor:
    """What a step raises, ``[N]``: the cost; where a prediction to be kept is in danger, its lead."""
    price = _price(network, output)
    if not keep or not price.requires_grad:
        return price
    own = output.logits.gather(1, predicted[:, None])
    lead = (own - output.logits.scatter(1, predicted[:, None], -torch.inf)).amin(1)
    return torch.where(lead < MARGIN, lead, price.to(lead.dtype))


def _price(network: DynamicNetwork | Cascade, output: Output) -> Tensor:
    """What grows with the cost of each image, ``[N]``: MACs; where answers stop it, how unsure all of them are.

    Where an image stops has no gradient, so scores are pulled below their thresholds.
    """
    rule = network.rule
    if rule is None:
        return network.macs_fraction(output)
    assert output.exits is not None and output.exits.given is not None
    given = list(output.exits.given.unbind(0))
    above = [rule.score(given[: number + 1]) - threshold for number, threshold in enumerate(rule.thresholds)]
    return -F.softplus(torch.stack(above)).sum(0)


def _within(x: Tensor, images: Tensor, ascent: Ascent) -> Tensor:
    low, high = images.float() - ascent.epsilon, images.float() + ascent.epsilon
    return x.clamp(low.clamp(min=0), high.clamp(max=255))


def _normalised(x: Tensor, data: DataSet) -> Tensor:
    """As the data set does it, for levels in float32 through which gradients pass."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (data.mean, data.std))
    return (x / 255 - mean) / std


class _Attached(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        return args[0] if func is Tensor.detach else func(*args, **(kwargs or {}))


@contextmanager
def _attached() -> Iterator[None]:
    """Lets gradients through where a method detaches what its gates see: that is for its training alone."""
    with _Attached():
        yield
