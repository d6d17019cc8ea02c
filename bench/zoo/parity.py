"""An exported network against the one that it was made from, image by image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.data import DataSet
from bench.networks.cascade import Cascade
from bench.networks.decisions import Output
from bench.networks.network import DynamicNetwork
from bench.zoo.checking import ROUNDED_AWAY

TOLERANCE = 1e-4
"""Of the largest logit of an image, by which its logits may differ: kernels sum in another order."""
COMPARED_AT_ONCE = 250

Run = Callable[[Tensor], Output]


@dataclass(frozen=True)
class Parity:
    """How an exported file compares with its network, image by image.

    Attributes:
        decisions: images of which any decision differs.
        logits: images with the same decisions whose logits differ by more than ``TOLERANCE``.
        largest: difference of a logit among images with the same decisions.
    """

    images: int
    decisions: int
    logits: int
    largest: float

    @property
    def holds(self) -> bool:
        """No more decisions differ than rounding explains, and no logits."""
        return self.logits == 0 and self.decisions <= ROUNDED_AWAY * self.images

    def __str__(self) -> str:
        return (
            f"{self.images:,} validation images: decisions differ for {self.decisions}, logits for {self.logits} "
            f"(at most {self.largest:.1e})"
        )


@torch.inference_mode()
def compare(run: Run, network: DynamicNetwork | Cascade, data: DataSet, images: int) -> Parity:
    """An exported file against ``network`` in PyTorch, masked, on the first validation images."""
    split, differ, logits, largest = data.validation.first(images), 0, 0, 0.0
    for batch, _ in split.batches(COMPARED_AT_ONCE):
        normalised = data.normalise(batch)
        found, expected = run(normalised), network(normalised)
        same = _same_decisions(found, expected)
        distance = (found.logits - expected.logits).abs().amax(1).nan_to_num(torch.inf)
        differ += int((~same).sum())
        logits += int((same & (distance > TOLERANCE * expected.logits.abs().amax(1))).sum())
        largest = max(largest, float(distance[same].max()) if same.any() else 0.0)
    return Parity(len(split), differ, logits, largest)


def _same_decisions(found: Output, expected: Output) -> Tensor:
    """For which images, ``[N]``."""
    same = torch.ones(len(found.logits), dtype=torch.bool)
    if expected.exits is not None and found.exits is not None:
        same &= found.exits.taken == expected.exits.taken
    for one, other in zip(found.decisions, expected.decisions, strict=True):
        executed = other.layer.executed
        same &= one.layer.executed == executed
        if other.channels is not None and one.channels is not None:
            same &= (one.channels.kept == other.channels.kept * executed[:, None]).all(1)
    return same
