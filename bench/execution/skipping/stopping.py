"""Networks with several answers in the form that inference wants: samples leave the batch with theirs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.execution.skipping.network import SkippingNetwork
from bench.execution.skipping.rows import gather, positions
from bench.execution.skipping.width import FULL
from bench.networks.cascade import Cascade, cascade_cost, join
from bench.networks.cost import SampleCost
from bench.networks.decisions import BlockDecision, ChannelDecision, ExitDecision, LayerDecision, Output, UnitDecision
from bench.networks.network import DynamicNetwork
from bench.networks.router import OpenRouter
from bench.networks.stopping import StopRule


class Crowd:
    """The samples of a batch that have no answer yet, and the answers of the others.

    Attributes:
        rows: of the batch, ``[n]``; those that are still asked about.
        given: what classifiers said of them, ``[n, classes]`` each.
    """

    def __init__(self, rule: StopRule, count: int):
        self.rule, self.count = rule, count
        self.rows = np.arange(count)
        self.given: list[Tensor] = []
        self.taken = np.full(count, len(rule.thresholds))
        self.answers: list[tuple[np.ndarray, Tensor]] = []

    def __len__(self) -> int:
        return len(self.rows)

    def leave(self, x: Tensor) -> Tensor:
        """Takes out who stops at the answer just given; returns what is left of their features or images ``x``."""
        stops = self.rule.stops(self.given).cpu().numpy()
        if not stops.any():
            return x
        answer = self.rule.answer(self.given)
        self.taken[self.rows[stops]] = len(self.given) - 1
        if stops.all():
            self.answers.append((self.rows, answer))
            self.rows = self.rows[:0]
            return x
        out, stay = (positions(np.flatnonzero(chosen), x) for chosen in (stops, ~stops))
        self.answers.append((self.rows[stops], answer[out]))
        self.given = [logits[stay] for logits in self.given]
        self.rows = self.rows[~stops]
        return gather(x, stay)

    def end(self) -> None:
        """Gives those who are left the answer that everybody has to take."""
        self.answers.append((self.rows, self.rule.answer(self.given)))

    def logits(self) -> Tensor:
        """Everybody's answer, ``[N, classes]``."""
        if len(self.answers) == 1:
            return self.answers[0][1]
        order = np.concatenate([rows for rows, _ in self.answers]).argsort()
        answers = torch.cat([answer for _, answer in self.answers])
        return answers[torch.from_numpy(order).to(answers.device)]

    def decision(self) -> ExitDecision:
        return ExitDecision(torch.from_numpy(self.taken).to(self.answers[0][1].device))


class ExitingNetwork(SkippingNetwork):
    """A network with exits: who has answered leaves the batch; a single image ends the pass."""

    def __init__(self, network: DynamicNetwork, precision: str = "float32"):
        super().__init__(network, precision)
        assert network.exits is not None
        self.exits = copy.deepcopy(network.exits).eval().requires_grad_(False)
        self.is_static = isinstance(self.router, OpenRouter)

    @torch.inference_mode()
    def forward(self, images: Tensor) -> Output:
        """Images ``[N, 3, H, W]`` to logits ``[N, classes]``, one decision per block and the exit of each sample."""
        decisions: list[BlockDecision] = []
        crowd = self._ask(images, decisions)
        logits = crowd.logits()
        decisions += _nobody(logits, len(self.blocks) - len(decisions))
        return Output(logits, tuple(decisions), None, crowd.decision())

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Tensor:
        """Images ``[N, 3, H, W]`` to logits ``[N, classes]`` alone."""
        return self._ask(images, None).logits()

    def _ask(self, images: Tensor, decisions: list[BlockDecision] | None) -> Crowd:
        crowd, x = Crowd(self.exits.rule, len(images)), self._start(images)
        for index, block in enumerate(self.blocks):
            if self.is_static:
                x, decision = block.run(x, None, FULL, []), None
            else:
                x, decision = self._step(index, x, None)
            if decisions is not None:
                decision = decision or BlockDecision(LayerDecision.always(torch.empty(len(x), device=x.device)))
                decisions.append(_of_everybody(decision, crowd.rows, len(images)))
            if self.exits.ask(index, x.float(), crowd.given):
                x = crowd.leave(x)
                if not len(crowd):
                    return crowd
        crowd.given.append(self._head(x))
        crowd.end()
        return crowd


class SkippingCascade(nn.Module):
    """A cascade of networks that run in whatever executor they run in: the next sees only whom it is asked about."""

    def __init__(self, cascade: Cascade, members: Sequence[nn.Module]):
        super().__init__()
        self.members: list[Any] = list(members)  # compiled ones are no children: they cannot be copied or moved
        self.rule = copy.deepcopy(cascade.rule).eval()
        self.backbone_cost = cascade.backbone_cost
        self.executor = "native" if all(member.executor == "native" for member in members) else "torch"
        self.execution = "skipped" if all(member.execution == "skipped" for member in members) else "masked"
        self.eval()

    @torch.inference_mode()
    def forward(self, images: Tensor) -> Output:
        """Images ``[N, 3, H, W]`` to logits ``[N, classes]``, the decisions of all members, and who answered whom."""
        outputs: list[Output] = []
        crowd = self._ask(images, outputs)
        logits = crowd.logits()
        silent = [len(member.backbone_cost.blocks) for member in self.members[len(outputs) :]]
        outputs.extend(Output(logits, _nobody(logits, blocks)) for blocks in silent)
        return join(outputs, logits, crowd.decision())

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Tensor:
        """Images ``[N, 3, H, W]`` to logits ``[N, classes]`` alone."""
        return self._ask(images, None).logits()

    def cost(self, output: Output) -> SampleCost:
        """MACs of each sample of ``output``."""
        return cascade_cost(self.members, output)

    def _ask(self, images: Tensor, outputs: list[Output] | None) -> Crowd:
        crowd, x = Crowd(self.rule, len(images)), images
        for number, member in enumerate(self.members):
            if not len(crowd):
                break
            if outputs is None:
                crowd.given.append(member.predict(x))
            else:
                output = member(x)
                crowd.given.append(output.logits)
                everybody = [_of_everybody(one, crowd.rows, len(images)) for one in output.decisions]
                outputs.append(Output(output.logits, tuple(everybody)))
            if number < len(self.members) - 1:
                x = crowd.leave(x)
            else:
                crowd.end()
        return crowd


def _nobody(like: Tensor, blocks: int) -> tuple[BlockDecision, ...]:
    """Decisions about blocks that none of the samples ``like`` ``[N, ...]`` comes to."""
    nothing = like.new_zeros(len(like))
    return (BlockDecision(LayerDecision(nothing, nothing)),) * blocks


def _of_everybody(decision: BlockDecision, rows: np.ndarray, count: int) -> BlockDecision:
    """A decision about the samples ``rows`` as one about all: zeros for those that have left."""
    if len(rows) == count:
        return decision

    def spread(values: Tensor) -> Tensor:
        everybody = values.new_zeros(count, *values.shape[1:])
        everybody[torch.from_numpy(rows).to(values.device)] = values
        return everybody

    layer, channels = decision.layer, decision.channels
    complete = None if layer.complete is None else spread(layer.complete)
    return BlockDecision(
        LayerDecision(spread(layer.executed), spread(layer.scale), complete=complete),
        None if channels is None else ChannelDecision(spread(channels.kept), spread(channels.scale)),
        tuple(UnitDecision(spread(unit.outputs), spread(unit.completed)) for unit in decision.units),
        tokens=None if decision.tokens is None else spread(decision.tokens),
    )
