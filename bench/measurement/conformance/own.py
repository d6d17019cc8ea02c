"""Whether a network of one's own is what it claims to be."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from bench.execution.own import OwnNetwork
from bench.measurement.conformance.comparison import LOGIT_TOLERANCE, relative
from bench.measurement.counting import count_one
from bench.networks.decisions import Output

IMAGES = 8
"""That are looked at."""
POOL = 256
"""Images among which they are chosen."""


def varied(network: OwnNetwork, images: Tensor) -> Tensor:
    """Of normalised images ``[N, 3, H, W]`` some that are claimed to cost differently, ``[IMAGES, 3, H, W]``.

    One of each cost where there are few costs, evenly spread ones where there are many; then the first of the others.
    """
    claimed = torch.cat([network(part).state.total for part in images.split(IMAGES)]).tolist()
    first = {cost: number for number, cost in reversed([*enumerate(claimed)])}
    costs = sorted(first)
    places = [round(step * (len(costs) - 1) / (IMAGES - 1)) for step in range(IMAGES)]
    chosen = dict.fromkeys([first[costs[place]] for place in places] + [*range(len(images))])
    return images[list(chosen)[:IMAGES]]


def doubts(network: OwnNetwork, images: Tensor) -> list[str]:
    """Why the claims of ``network`` must not be trusted; empty where they may.

    An image must get the same logits, cost and decisions alone as in a batch, and its cost must be what PyTorch's
    FLOP counter sees, to the last MAC. What is computed and then thrown away is no saving.

    Args:
        images: normalised, ``[N, 3, H, W]``; the first ``IMAGES`` are used.
    """
    images = images[:IMAGES]
    together, apart = network(images), [network(image[None]) for image in images]
    found = _alone(together, apart)
    claimed = together.state.total.round().long().tolist()
    counted = [count_one(copy.deepcopy(network), image[None]) for image in images]
    wrong = [number for number, macs in enumerate(counted) if macs != claimed[number]]
    if wrong:
        first = wrong[0]
        found.append(f"MACs of {len(wrong)} of {len(images)} images are not those that an independent counter sees: "
                     f"claimed {claimed[first]:,}, counted {counted[first]:,}")  # fmt: skip
    return found


def _alone(together: Output, apart: list[Output]) -> list[str]:
    """How images differ that are alone in their batch."""
    found = []
    difference = relative(torch.cat([one.logits for one in apart]), together.logits)
    if not difference <= LOGIT_TOLERANCE:  # no NaN is
        found.append(f"logits of single images differ from those in a batch by {difference:.1e}")
    costs = torch.cat([one.state.total for one in apart])
    if not torch.equal(costs, together.state.total):
        found.append("single images cost something else than in a batch")
    if together.decisions and not torch.equal(torch.cat([one.executed() for one in apart]), together.executed()):
        found.append("single images execute other blocks than in a batch")
    if together.exits and not torch.equal(torch.cat([_taken(one) for one in apart]), together.exits.taken):
        found.append("single images give another answer than in a batch")
    return found


def _taken(output: Output) -> Tensor:
    assert output.exits is not None
    return output.exits.taken
