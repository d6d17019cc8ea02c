"""What a network shows of each sample, and what is required of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.networks.decisions import Output

DECISION_TOLERANCE = 1e-3
"""Of the share of a block: a few positions of thousands may lie on their threshold; a block or channel may not."""
LOGIT_TOLERANCE = 1e-4
"""Of the largest logit: float32 rounding where convolutions are summed in another order."""


class CheckFailure(Exception):
    """A check did not hold; the message says what was seen."""


@dataclass(frozen=True)
class Seen:
    """What one evaluation shows of each sample: logits, and what was decided: blocks executed, shares kept, exit."""

    logits: Tensor
    decided: Tensor

    def __getitem__(self, rows: Tensor) -> Seen:
        return Seen(self.logits[rows], self.decided[rows])

    def to(self, device: str) -> Seen:
        return Seen(self.logits.to(device), self.decided.to(device))


@torch.inference_mode()
def run(network: nn.Module, images: Tensor) -> Output:
    """Everything that the network says of ``images``, in evaluation mode."""
    return network.eval()(images)


def see(network: nn.Module, images: Tensor) -> Seen:
    """What is compared of each sample, from one batch of ``images``."""
    output = run(network, images)
    kept = torch.stack([decision.kept_fraction for decision in output.decisions], 1)
    taken = [] if output.exits is None else [output.exits.taken[:, None].to(kept.dtype)]
    return Seen(output.logits, torch.cat([output.executed(), kept, *taken], 1))


def see_apart(network: nn.Module, images: Tensor) -> Seen:
    """The same, one image at a time."""
    parts = [see(network, images[index : index + 1]) for index in range(len(images))]
    return Seen(torch.cat([part.logits for part in parts]), torch.cat([part.decided for part in parts]))


def require_same(expected: Seen, found: Seen) -> str:
    """How far logits lie apart, in words.

    Raises:
        CheckFailure: decisions differ, or logits by more than rounding.
    """
    alike = (found.decided - expected.decided).abs().amax(1) <= DECISION_TOLERANCE  # no NaN is
    differ = (~alike).nonzero().flatten().tolist()
    require(not differ, f"decisions differ for sample {differ and differ[0]}")
    difference = relative(found.logits, expected.logits)
    require(difference <= LOGIT_TOLERANCE, f"logits differ by {difference:.1e}")
    return f"largest logit difference {difference:.1e}"


def relative(found: Tensor, expected: Tensor) -> float:
    """The largest difference, in units of the largest expected value."""
    return float((found - expected).abs().max() / expected.abs().max())


def require(condition: bool, message: str) -> None:
    """Raises :class:`CheckFailure` with ``message`` unless ``condition`` holds."""
    if not condition:
        raise CheckFailure(message)


def require_decision(what: str, chosen: Tensor, scale: Tensor, shape: tuple[int, ...]) -> None:
    """Raises :class:`CheckFailure` unless decisions have ``shape``, are 0 or 1, and are scaled by zero where 0."""
    require(tuple(chosen.shape) == shape, f"{what}: decisions have shape {tuple(chosen.shape)} instead of {shape}")
    require(bool(((chosen == 0) | (chosen == 1)).all()), f"{what}: decisions are not 0 or 1")
    require(bool(((scale == 0) == (chosen == 0)).all()), f"{what}: scale and decision disagree about zero")
