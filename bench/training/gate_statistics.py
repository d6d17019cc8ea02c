"""Statistics of the gates' batch norms, taken from images as they are tested.

Training shows gates augmented images. The black borders of shifted crops alone move pooled features, and gates that
standardise what they look at, or count on small differences in it, decide otherwise about plain images
(``results/README.md`` says what that cost SkipNet). Running averages also lag behind a network that still changes. What
batch norm needs is the statistics of the population that it is used on (Wu, Johnson, Rethinking "Batch" in BatchNorm,
arXiv 2105.07576, section 3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from bench.data import DataSet
from bench.networks.cascade import parts_of
from bench.networks.network import DynamicNetwork

IMAGES = 2560
"""Enough for means and variances of pooled features: their error is a fiftieth of the standard deviation."""
BATCH = 256


@torch.no_grad()
def update_gate_statistics(network: DynamicNetwork, data: DataSet) -> None:
    """Replaces the running statistics of all batch norms in the router by those over plain training images.

    The backbone is in evaluation mode, as it will be when gates look at it. Nothing else changes, and training, which
    standardises by the batch, goes on as if nothing had happened.
    """
    network.eval()
    device = next(network.parameters()).device
    for part in parts_of(network):
        norms = [module for module in part.router.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        if not norms:
            continue
        with _averaging(norms):
            for images, _ in data.train.at(_positions(len(data.train))).batches(BATCH):
                part(data.normalise(images.to(device)))


def _positions(images: int) -> range:
    """Of the images to look at: evenly spaced, since files come class by class, and in whole batches if it can be.

    Where there are two batches or more, at most every second one: all of them would take a good part of a short epoch.
    """
    step = max(1, min(2, images // BATCH), images // IMAGES)
    spaced = range(0, images, step)[:IMAGES]
    return spaced[: len(spaced) // BATCH * BATCH or None]


@contextmanager
def _averaging(norms: Sequence[nn.modules.batchnorm._BatchNorm]) -> Iterator[None]:
    """Within this context batch norms collect the plain average of what their batches show them."""
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
            norm.eval()
