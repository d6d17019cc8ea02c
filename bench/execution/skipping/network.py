"""A dynamic network in the form that inference wants."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.execution.precision import DTYPES
from bench.execution.skipping.block import lower_block, lower_unit
from bench.execution.skipping.layout import layout
from bench.execution.skipping.paths import Pooled, SingleGates, group_by_end, group_by_width
from bench.execution.skipping.rows import gather, positions, put_back
from bench.execution.skipping.tokens import at_tokens
from bench.execution.skipping.width import FULL, Width
from bench.networks.cost import SampleCost, output_cost
from bench.networks.decisions import BlockDecision, ChannelDecision, LayerDecision, Output, UnitDecision
from bench.networks.ends import decisions_at_ends
from bench.networks.modules import Modules
from bench.networks.network import DynamicNetwork
from bench.networks.positions import decisions_of_units, positions_of_units


class SkippingNetwork(nn.Module):
    """The same logits and decisions as the masked network, without the work that was decided away.

    At batch 1 a skipped block is not run and a channel that is off is not computed. In a larger batch the samples
    that execute a block are gathered, run and put back, those of one width together. Weights are a copy in another
    layout: neither later training of the network nor ``.to`` reaches them.

    Features are overwritten block by block: a router must not keep ``x`` itself beyond the block that it looked at.

    Args:
        precision: of stem, blocks and shortcuts, one of ``DTYPES``. Gates, exits and the classifier compute in float32
            whatever it is, from features as they are.
    """

    executor = "torch"

    def __init__(self, network: DynamicNetwork, precision: str = "float32"):
        super().__init__()
        self.dtype = DTYPES[precision]
        network = copy.deepcopy(network).eval().requires_grad_(False)
        self.router = network.router
        self.backbone_cost = network.backbone_cost
        self.gate_cost = network.gate_cost
        self.blocks = [lower_block(block, self.dtype) for block in network.backbone.blocks]
        # Folding rounds differently; thresholds at single positions would answer with other decisions.
        is_folded = self.execution == "skipped"
        self.stem = lower_unit(network.backbone.stem, self.dtype) if is_folded else network.backbone.stem.to(self.dtype)
        network.backbone.blocks = Modules()  # whose weights lie in those that were lowered
        self.backbone = network.backbone
        self.single_gates = self._single_gates()
        self.eval()

    @property
    def execution(self) -> str:
        """``skipped``, or ``masked`` where a block gates itself in a way that cannot be skipped."""
        return "skipped" if all(block.skips_channels for block in self.blocks) else "masked"

    @torch.inference_mode()
    def forward(self, images: Tensor) -> Output:
        """Images ``[N, 3, H, W]`` to logits ``[N, classes]`` and one decision per block, for all N samples."""
        if len(images) == 1 and self.single_gates:
            logits, path = self._run_single(images)
            return Output(logits, self._decisions(path, logits))
        state = self.router.start(images)
        x = self._start(images)
        decisions = []
        for index in range(len(self.blocks)):
            x, decision = self._step(index, x, state)
            decisions.append(decision)
        return Output(self._head(self.router.finish(x.float(), state)), tuple(decisions), state)

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Tensor:
        """Images ``[N, 3, H, W]`` to logits ``[N, classes]`` alone: what a dense network returns."""
        if len(images) == 1 and self.single_gates:
            return self._run_single(images)[0]
        return self.forward(images).logits

    def cost(self, output: Output) -> SampleCost:
        """MACs of each sample of ``output``."""
        return output_cost(self.backbone_cost, self.gate_cost, output)

    def _start(self, images: Tensor) -> Tensor:
        return self.stem(images.to(self.dtype).contiguous(memory_format=layout(images.device)))

    def _head(self, x: Tensor) -> Tensor:
        return self.backbone.head(x.float())

    def _step(self, index: int, x: Tensor, state: Any) -> tuple[Tensor, BlockDecision]:
        """One block for a batch whose router has to be called."""
        block, router = self.blocks[index], self.router
        features = router.gate_input(index, x.float())
        if (tokens := router.decide_tokens(index, features, state)) is not None:
            return at_tokens(block, x, tokens), BlockDecision.of_tokens(tokens)
        layer = router.decide_layer(index, features, state)
        scales = layer.scale.cpu().numpy()  # the one time in a block that an accelerator is waited for
        active = np.flatnonzero(scales)
        if not len(active):
            return block.pass_by(x), BlockDecision(layer)
        everybody = len(active) == len(scales)
        seen = features if everybody else features[active]
        channels = router.decide_channels(index, seen, state)
        chosen = router.decide_positions(index, seen, state)
        units: list[UnitDecision] = []
        masks: list[Tensor] | None = None
        if chosen is not None:
            masks = positions_of_units(block.block, chosen, x.shape[2:])
            units = decisions_of_units(masks, channels, block.block.gated_unit)
        groups = group_by_width(channels, block.skips_channels)
        if layer.complete is not None:
            complete = layer.complete if everybody else layer.complete[active]
            units, groups = decisions_at_ends(complete), group_by_end(complete)
        result = None if everybody else block.pass_by(x)
        for group, width in groups:
            rows = active if group is None else active[group]
            scale = _scale(scales[rows], x)
            if masks is not None:
                width = width._replace(masks=masks if group is None else [mask[group] for mask in masks])
            if len(rows) == len(scales):
                result = block.run(x, scale, width, units)
            else:
                place = positions(rows, x)
                executed = block.run(gather(x, place), scale, width, units)
                result = _like(executed, len(x)) if result is None else result
                put_back(result, place, executed)
        assert result is not None  # there is a group for every active sample
        return result, _of_batch(BlockDecision(layer, channels, tuple(units), chosen), active)

    def _single_gates(self) -> list[SingleGates] | None:
        gates = [self.router.folded_gates(index) for index in range(len(self.blocks))]
        known = [gate for gate in gates if gate is not None]
        if self.execution == "masked" or len(known) < len(gates):
            return None
        return [SingleGates(gate, block.inner_channels) for gate, block in zip(known, self.blocks)]

    def _run_single(self, images: Tensor) -> tuple[Tensor, list[tuple[float, Width]]]:
        """One image with folded gates: its logits and, for each block, the branch's scale and width.

        The pooled features are computed anew only behind an executed block: a skipped one leaves them as they are.
        """
        x, path = self._start(images), []
        pooled: Pooled | None = None
        assert self.single_gates is not None
        for block, gates in zip(self.blocks, self.single_gates):
            if pooled is None and gates.reads_input:
                pooled = Pooled.of(x)
            scale, width = gates.layer_scale(pooled), FULL
            if scale:
                width = gates.width(pooled)
                before, x = None, block.run(x, None if scale == 1.0 else scale, width, [])
            else:
                before, x = x, block.pass_by(x)
            if before is not x:
                pooled = None
            path.append((scale, width))
        return self._head(x), path

    def _decisions(self, path: list[tuple[float, Width]], like: Tensor) -> tuple[BlockDecision, ...]:
        """The path of a single image as decisions."""
        scales = like.new_tensor([scale for scale, _ in path])
        executed = (scales > 0).to(scales.dtype)
        layers = map(LayerDecision, executed.split(1), scales.split(1))
        widths = [width for _, width in path]
        assert self.single_gates is not None
        return tuple(
            BlockDecision(layer, gates.decision(width, like) if gates.decides_channels and scale else None)
            for layer, width, gates, (scale, _) in zip(layers, widths, self.single_gates, path)
        )


def _like(x: Tensor, count: int) -> Tensor:
    """Room for ``count`` samples like those of ``x``."""
    return torch.empty(count, *x.shape[1:], dtype=x.dtype, device=x.device, memory_format=layout(x.device))


def _scale(scales: np.ndarray, x: Tensor) -> Tensor | float | None:
    """Scales of some samples as blocks want them: None for ones, a number for a single sample."""
    if (scales == 1.0).all():
        return None
    return float(scales[0]) if len(scales) == 1 else x.new_tensor(scales)[:, None, None, None]


def _of_batch(decision: BlockDecision, active: np.ndarray) -> BlockDecision:
    """What was decided for the active samples, as a decision about all: zeros for those that skip the block."""
    channels, positions, count = decision.channels, decision.positions, len(decision.layer.executed)

    def spread(values: Tensor) -> Tensor:
        if len(values) == count:
            return values
        everybody = values.new_zeros(count, *values.shape[1:])
        everybody[active] = values
        return everybody

    return BlockDecision(
        decision.layer,
        None if channels is None else ChannelDecision(spread(channels.kept), spread(channels.scale)),
        tuple(UnitDecision(spread(unit.outputs), spread(unit.completed)) for unit in decision.units),
        None if positions is None else spread(positions),
    )
