"""A backbone whose blocks may be gated, sample by sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from bench.errors import BadInput
from bench.networks.blocks import Backbone
from bench.networks.cost import SampleCost, count_backbone, count_parts, output_cost, reached_parts
from bench.networks.decisions import BlockDecision, ExitDecision, Output, UnitDecision
from bench.networks.ends import decisions_at_ends
from bench.networks.exits import Exits
from bench.networks.positions import decisions_of_units, positions_of_units
from bench.networks.router import OpenRouter, Router
from bench.networks.stopping import StopRule
from bench.networks.surgery import match_inner_channels
from bench.networks.tokens import masked_tokens


class DynamicNetwork(nn.Module):
    """A backbone, the router that decides about its blocks, and perhaps exits at which samples stop.

    ``forward`` is the *masked* execution: everything is computed, then multiplied by what was decided. It is what
    training needs. :mod:`bench.execution.skipping` runs the same network without the work that was decided away.

    Under autocast only the backbone and what a router does to feature maps are computed in lower precision: scores and
    decisions are float32, since rounding would move gates across their thresholds.
    """

    def __init__(self, backbone: Backbone, router: Router | None = None, exits: Exits | None = None):
        super().__init__()
        self.backbone = backbone
        self.router = router or OpenRouter(len(backbone.blocks))
        self.exits = exits
        if exits is not None and type(self.router).start is not Router.start:
            raise BadInput("exits need a router that remembers nothing of the images that leave")
        self.recount()

    @property
    def rule(self) -> StopRule | None:
        """By which samples stop; None where every sample runs to the end."""
        return None if self.exits is None else self.exits.rule

    def recount(self) -> None:
        """Counts the costs again, after channels were removed."""
        self.backbone_cost = count_backbone(self.backbone)
        self.gate_cost = self.router.cost()
        if self.exits is not None:
            counted = count_parts(self, self.exits.heads, self.backbone.image_shape)
            behind = dict(zip(self.exits.after, counted))
            exits = tuple(behind.get(index, 0) for index in range(len(self.backbone.blocks)))
            self.gate_cost = replace(self.gate_cost, exits=exits)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False):
        """As usual; inner channels that were pruned away in ``state_dict`` are removed here first."""
        match_inner_channels(self.backbone, state_dict, prefix="backbone.")
        result = super().load_state_dict(state_dict, strict, assign)
        self.recount()
        return result

    def forward(self, images: Tensor) -> Output:
        """Images ``[N, 3, H, W]`` to logits ``[N, classes]`` and one decision per block."""
        full_precision = torch.autocast(images.device.type, enabled=False)
        with full_precision:
            state = self.router.start(images)
        x = self.backbone.stem(images)
        decisions: list[BlockDecision] = []
        given: list[Tensor] = []
        for index in range(len(self.backbone.blocks)):
            x, decision = self._step(index, x, state)
            decisions.append(decision)
            if self.exits is not None:
                self.exits.ask(index, x, given)
        logits = self.backbone.head(self.router.finish(x, state))
        if self.exits is None:
            return Output(logits, tuple(decisions), state)
        with full_precision:
            return self._stopped([*given, logits.float()], decisions)

    def _step(self, index: int, x: Tensor, state: Any) -> tuple[Tensor, BlockDecision]:
        """The output of one block, and what was decided about it."""
        block, router = self.backbone.blocks[index], self.router
        features = router.gate_input(index, x).float()
        with torch.autocast(x.device.type, enabled=False):
            tokens = router.decide_tokens(index, features, state)
            if tokens is None:
                layer = router.decide_layer(index, features, state)
                channels = router.decide_channels(index, features, state)
                positions = router.decide_positions(index, features, state)
        if tokens is not None:
            return masked_tokens(block, x, tokens), BlockDecision.of_tokens(tokens)
        units: list[UnitDecision] = []
        scale = None if layer.certain else layer.scale
        if positions is not None:
            scale = positions * layer.scale[:, None, None, None]
            masks = positions_of_units(block, positions, x.shape[2:])
            units = decisions_of_units(masks, channels, block.gated_unit)
        if layer.complete is None:
            x = block(x, scale, None if channels is None else channels.scale, units)
        else:
            units = decisions_at_ends(layer.complete)
            x = block.forward_to_end(x, scale, layer.complete)
        return x, BlockDecision(layer, channels, tuple(units), positions)

    def _stopped(self, given: list[Tensor], decisions: list[BlockDecision]) -> Output:
        """What was computed in full, seen from where each sample stops."""
        assert self.exits is not None
        logits, taken = self.exits.rule.choose(given)
        reached = reached_parts(self.gate_cost, taken).to(logits.dtype).unbind(1)
        final = tuple(decision.of_those(comes) for decision, comes in zip(decisions, reached))
        return Output(logits, final, None, ExitDecision(taken, torch.stack(given)))

    def cost(self, output: Output) -> SampleCost:
        """MACs of each sample of ``output``; differentiable where the gates are."""
        return output_cost(self.backbone_cost, self.gate_cost, output)

    def answer_costs(self, output: Output) -> Tensor:
        """MACs that each sample would have spent had it stopped at each answer, ``[answers, N]``.

        Args:
            output: of a pass in which no sample stopped: only then is every block's decision known.
        """
        assert output.exits is not None and output.exits.given is not None
        like, answers = output.exits.taken, len(output.exits.given)
        stopped = [replace(output, exits=ExitDecision(torch.full_like(like, number))) for number in range(answers)]
        return torch.stack([self.cost(one).total for one in stopped])

    def macs_fraction(self, output: Output) -> Tensor:
        """MACs of each sample relative to the dense backbone, ``[N]``; gates included, so it can exceed 1."""
        return self.cost(output).total / self.backbone_cost.total
