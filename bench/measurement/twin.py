"""The static twin of a dynamic network: its gates, each open for all images or for none, at the same mean MACs.

A gate's mean over training images ranks it. The gates with the largest means are open for every image, as many as
bring the MACs nearest to those of the dynamic network; the gates themselves, which nobody asks, cost the twin nothing.
Open branches and channels keep the mean scale that they had where they were open. Weights stay: nothing is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.data import DataSet
from bench.methods.objective import nearest_step
from bench.networks.decisions import BlockDecision, ChannelDecision, LayerDecision
from bench.networks.network import DynamicNetwork
from bench.networks.router import Router

IMAGES = 2560
"""Training images that means are taken over, at most; evenly spaced, since files come class by class."""


@dataclass(frozen=True)
class GateMeans:
    """How often the gates of one block were open, and the mean scale where they were.

    Attributes:
        rate: of images that executed the block.
        scale: of its branch where it was executed.
        kept: ``[C]``, share of these images that kept each channel; None where nothing decides about channels.
        channel_scale: ``[C]``, where a channel was kept.
        positions: ``[1, H, W]``, share of these images that kept each position; None where nothing decides about them.
        complete: share of these images whose branch ran to its end; None where nothing decides about that.
    """

    rate: float
    scale: float
    kept: Tensor | None = None
    channel_scale: Tensor | None = None
    positions: Tensor | None = None
    complete: Tensor | None = None

    def decide(self, threshold: float) -> BlockDecision:
        """For one image: what is open above ``threshold``."""
        executed = torch.tensor([float(self.rate > threshold)])
        complete = None if self.complete is None else (self.complete > threshold).float()[None]
        layer = LayerDecision(executed, executed * self.scale, complete=complete)
        positions = None if self.positions is None else (self.positions > threshold).float()[None]
        if self.kept is None or self.channel_scale is None:
            return BlockDecision(layer, positions=positions)
        kept = (self.kept > threshold).float()[None]
        return BlockDecision(layer, ChannelDecision(kept, kept * self.channel_scale), positions=positions)


class TwinRouter(Router):
    """Decides the same for every image."""

    def __init__(self, decisions: Sequence[BlockDecision]):
        super().__init__(len(decisions))
        self.decisions = decisions

    def gate_input(self, index: int, x: Tensor) -> Tensor:
        return x[:, 0, 0, 0]

    def decide_layer(self, index: int, features: Tensor, state: Any) -> LayerDecision:
        layer = self.decisions[index].layer
        complete = None if layer.complete is None else _for_all(layer.complete, features)
        return LayerDecision(_for_all(layer.executed, features), _for_all(layer.scale, features), complete=complete)

    def decide_channels(self, index: int, features: Tensor, state: Any) -> ChannelDecision | None:
        channels = self.decisions[index].channels
        if channels is None:
            return None
        return ChannelDecision(_for_all(channels.kept, features), _for_all(channels.scale, features))

    def decide_positions(self, index: int, features: Tensor, state: Any) -> Tensor | None:
        positions = self.decisions[index].positions
        return None if positions is None else _for_all(positions, features)


def _for_all(values: Tensor, like: Tensor) -> Tensor:
    return values.to(like).expand(len(like), *values.shape[1:])


def static_twin(network: DynamicNetwork, data: DataSet, macs: float) -> DynamicNetwork:
    """The twin of ``network`` that costs nearest to ``macs``; it shares the backbone.

    Args:
        network: whose router says all that it decides (:func:`bench.measurement.controls.can_shuffle`).
    """
    means = gate_means(network, data)
    levels = sorted({mean for gate in means for mean in _all_means(gate) if mean > 0}, reverse=True)
    twin = DynamicNetwork(network.backbone).eval()
    image = next(network.parameters()).new_zeros(1, *network.backbone.image_shape)

    @torch.inference_mode()
    def cost(opened: int) -> float:
        """With the gates of the ``opened`` largest means open; one that never was has no scale to be open at."""
        threshold = levels[opened] if opened < len(levels) else 0.0
        twin.router = TwinRouter([gate.decide(threshold) for gate in means])
        return twin.cost(twin(image)).total.item()

    cost(nearest_step(cost, 0, len(levels), macs))  # which leaves the twin at the step that is nearest
    return twin


def _all_means(gate: GateMeans) -> list[float]:
    parts = [part.flatten().tolist() for part in (gate.kept, gate.positions, gate.complete) if part is not None]
    return [gate.rate, *(mean for part in parts for mean in part)]


@torch.inference_mode()
def gate_means(network: DynamicNetwork, data: DataSet) -> list[GateMeans]:
    """What the gates of ``network`` do on plain training images, in the mean; one for each block."""
    count = len(data.train)
    split = data.train.at(range(0, count, max(1, count // IMAGES))[:IMAGES])
    device = next(network.parameters()).device
    sums: list[dict[str, Tensor]] = [{} for _ in network.backbone.blocks]
    for images, _ in split.batches(data.evaluation_batch):
        for known, decision in zip(sums, network.eval()(data.normalise(images.to(device))).decisions):
            for name, value in _sums(decision).items():
                known[name] = known.get(name, torch.zeros_like(value)) + value
    return [_means(known, len(split)) for known in sums]


def _sums(decision: BlockDecision) -> dict[str, Tensor]:
    executed = decision.layer.executed.double()
    found = {"executed": executed.sum(), "scale": decision.layer.scale.double().sum()}
    if decision.channels is not None:
        kept = decision.channels.kept.double() * executed[:, None]
        found |= {"kept": kept.sum(0), "channel_scale": (kept * decision.channels.scale).sum(0)}
    if decision.layer.complete is not None:
        found["complete"] = (decision.layer.complete.double() * executed).sum()
    if decision.positions is not None:
        found["positions"] = (decision.positions.double() * executed[:, None, None, None]).sum(0)
    return {name: value.cpu() for name, value in found.items()}


def _means(sums: dict[str, Tensor], images: int) -> GateMeans:
    executed = float(sums["executed"])
    scale = float(sums["scale"]) / max(executed, 1.0)
    decided = [name for name in ("kept", "positions", "complete") if name in sums]
    shares: dict[str, Tensor] = {name: sums[name] / max(executed, 1.0) for name in decided}
    if "kept" in sums:
        shares["channel_scale"] = (sums["channel_scale"] / sums["kept"].clamp(min=1)).float()
    return GateMeans(executed / images, scale, **shares)
