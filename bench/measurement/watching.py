"""What a network decides on some images: outcomes, how much decisions vary, and what they are worth on other images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.data import DataSet, Split
from bench.measurement.controls import ReplayRouter, can_shuffle
from bench.measurement.evaluation import collect_answers, evaluate
from bench.networks.cascade import Cascade
from bench.networks.cost import SampleCost
from bench.networks.decisions import BlockDecision, Output
from bench.networks.network import DynamicNetwork
from bench.networks.stopping import StopRule


@dataclass(frozen=True)
class Watched:
    """Outcomes of single images, and the mean entropy of decisions between images.

    Attributes:
        entropy: bits; None where no gate of a block or channel, and no answer, is chosen.
    """

    samples: pd.DataFrame
    entropy: float | None


def watch(network: nn.Module, data: DataSet, split: Split) -> Watched:
    """Evaluates ``network``, in whatever form it runs, on ``split``.

    Entropy: of the share of images that open each gate, mean over gates of blocks, channels, positions and tokens; of a
    network with several answers, of which one is given. 0: all images are decided about alike. Units that gate
    themselves have no gate to look at.
    """
    watcher = _Watcher(network)
    samples = evaluate(cast(DynamicNetwork, watcher), data, split).samples
    return Watched(samples, watcher.entropy(samples))


class _Watcher(nn.Module):
    """Passes everything on and counts which gates open."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = cast(DynamicNetwork, network)  # or what shows its face
        self.opened: list[Tensor] = []

    def cost(self, output: Output) -> SampleCost:
        return self.network.cost(output)

    def forward(self, images: Tensor) -> Output:
        output = self.network(images)
        gates = [gate for decision in output.decisions for gate in _gates(decision)]
        self.opened.append(torch.cat(gates, 1).double().sum(0).cpu())
        return output

    def entropy(self, samples: pd.DataFrame) -> float | None:
        if "exit" in samples:
            return _entropy(samples["exit"].value_counts(normalize=True).to_numpy())
        share = (torch.stack(self.opened).sum(0) / len(samples)).numpy()
        chosen = bool((share < 1).any())
        return float(np.mean([_entropy(np.array([one, 1 - one])) for one in share])) if chosen else None


def _gates(decision: BlockDecision) -> list[Tensor]:
    """Which gates of a block each image opens, ``[N, gates]``: those of a skipped block are closed."""
    executed = decision.layer.executed[:, None]
    channels = [] if decision.channels is None else [executed * decision.channels.kept]
    positions = [] if decision.positions is None else [executed * decision.positions.flatten(1)]
    tokens = [] if decision.tokens is None else [decision.tokens]
    ends = [] if decision.layer.complete is None else [executed * decision.layer.complete[:, None]]
    return [executed, *channels, *positions, *tokens, *ends]


def _entropy(shares: NDArray[np.float64]) -> float:
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())


class Replay:
    """A network that decides about each image as it did about the same image before a shift.

    Args:
        network: in the masked form.
        clean: the images before the shift.
        samples: what became of them.
    """

    def __init__(self, network: DynamicNetwork | Cascade, data: DataSet, clean: Split, samples: pd.DataFrame):
        self.network, self.data, self.samples = network, data, samples
        self.decided: list[Sequence[BlockDecision]] = []
        if can_shuffle(network) and np.ptp(samples["macs"]):
            with torch.inference_mode():
                batches = clean.batches(data.evaluation_batch)
                self.decided = [network.eval()(data.normalise(images)).decisions for images, _ in batches]

    def correct(self, shifted: Split) -> NDArray[np.bool_] | None:
        """Which images of ``shifted`` it gets right; None where its decisions cannot be told to it, or never differ."""
        if self.network.rule is not None:
            return self._stopped(shifted)
        return self._replayed(shifted) if self.decided else None

    @torch.inference_mode()
    def _replayed(self, shifted: Split) -> NDArray[np.bool_]:
        network = cast(DynamicNetwork, self.network)
        router, right = network.router, []
        try:
            for decisions, (images, labels) in zip(self.decided, shifted.batches(self.data.evaluation_batch)):
                network.router = ReplayRouter(decisions, router.cost())
                right.append(network(self.data.normalise(images)).logits.argmax(1) == labels)
        finally:
            network.router = router
        return torch.cat(right).numpy()

    def _stopped(self, shifted: Split) -> NDArray[np.bool_]:
        """Each image gets the answer at which it stopped before."""
        rule = cast(StopRule, self.network.rule)
        found = collect_answers(self.network, self.data, shifted, self.network.backbone_cost.total)
        taken, right = self.samples["exit"].to_numpy(), np.zeros(len(shifted), bool)
        for number in np.unique(taken):
            answer = rule.answer(list(found.given[: number + 1])).argmax(1)
            right[taken == number] = (answer == found.labels).numpy()[taken == number]
        return right
