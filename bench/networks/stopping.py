"""When to be content with an answer: rules that exits of one network and members of a cascade share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

BEYOND = 1e9
"""Above all scores. Stored weights hold no infinity: one among them is taken for damage."""


class StopRule(nn.Module):
    """A sample stops at the first answer whose score is above that answer's threshold; by default by confidence.

    ``given`` is what was said so far about the same ``n`` samples: one ``[n, classes]`` per classifier asked, in their
    order. Subclasses decide from it how sure one may be, and what the answer is. Both must be decided sample by sample.

    Args:
        stops: number of answers that may be the last; behind them comes one that always is.
    """

    thresholds: Tensor

    def __init__(self, stops: int):
        super().__init__()
        # Per answer: training does not move them, calibration on validation images does.
        self.register_buffer("thresholds", torch.zeros(stops))

    def set_thresholds(self, thresholds: np.ndarray) -> None:
        """One per answer that may be the last, ``[stops]``; infinite ones become numbers that no score is beyond."""
        self.thresholds.copy_(torch.from_numpy(thresholds.clip(-BEYOND, BEYOND)))

    def answer(self, given: Sequence[Tensor]) -> Tensor:
        """Logits ``[n, classes]`` for samples that stop here; by default what the last classifier says."""
        return given[-1]

    def score(self, given: Sequence[Tensor]) -> Tensor:
        """How sure the answer is, ``[n]``: by default the log-odds of its most likely class."""
        return log_odds(self.answer(given))

    def stops(self, given: Sequence[Tensor]) -> Tensor:
        """Which samples need no further answer, ``[n]`` bool."""
        return self.score(given) > self.thresholds[len(given) - 1]

    def choose(self, given: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """From all answers of all samples: the logits ``[N, classes]`` and the number ``[N]`` of each one's own."""
        parts = [given[: number + 1] for number in range(len(given))]
        stops = torch.stack([self.stops(part) for part in parts[:-1]] + [torch.ones_like(given[0][:, 0]) > 0])
        taken = stops.int().argmax(0)
        answers = torch.stack([self.answer(part) for part in parts])
        return answers[taken, torch.arange(len(taken), device=taken.device)], taken


def log_odds(logits: Tensor) -> Tensor:
    """``log(p / (1 - p))`` of the most likely class, ``[n]``.

    The order is that of the softmax confidence ``p``, which float32 cannot tell from 1 for half of the images of a
    well-trained network.
    """
    top, place = logits.max(1, keepdim=True)
    return (top - logits.scatter(1, place, -torch.inf).logsumexp(1, keepdim=True)).squeeze(1)


class Entropy(StopRule):
    """Stops where the softmax has little entropy, in nats (Teerapittayanon et al., BranchyNet, ICPR 2016)."""

    def score(self, given: Sequence[Tensor]) -> Tensor:
        log_p = self.answer(given).log_softmax(1)
        return (log_p.exp() * log_p).sum(1)


class Patience(StopRule):
    """Stops once several classifiers in a row agree (Zhou et al., BERT Loses Patience, NeurIPS 2020).

    Among samples with equally many that agree, the more confident one comes first: ours, so that costs between those
    of whole numbers can be met.
    """

    def score(self, given: Sequence[Tensor]) -> Tensor:
        classes = torch.stack([logits.argmax(1) for logits in reversed(given)])
        in_a_row = (classes == classes[0]).int().cumprod(0).sum(0)
        return in_a_row + given[-1].softmax(1).amax(1)


class Committee(StopRule):
    """For members of a cascade: their answer is the last one's, or the mean of all that were asked.

    Wang et al., Wisdom of Committees, ICLR 2022, take the mean. Which of both is calibrated.
    """

    averages: Tensor

    def __init__(self, stops: int):
        super().__init__(stops)
        self.register_buffer("averages", torch.tensor(False))

    def answer(self, given: Sequence[Tensor]) -> Tensor:
        if len(given) == 1 or not self.averages:
            return given[-1]
        return torch.stack(list(given)).softmax(2).mean(0).log()
