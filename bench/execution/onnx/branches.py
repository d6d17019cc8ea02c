"""A dynamic network for one image: what the image decided away stands in the branch of a condition that is not taken.

``torch.cond`` here, an ``If`` in ONNX: around a block that a gate may skip, around all that is behind an exit, and
around the next member of a cascade. Channels are masked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from bench.execution.onnx.decisions import BlockGates
from bench.execution.onnx.graphs import Graph
from bench.networks.cascade import Cascade, parts_of
from bench.networks.modules import Modules
from bench.networks.network import DynamicNetwork
from bench.networks.stopping import StopRule


class BranchingGraph(Graph):
    """One image ``[1, 3, H, W]`` to logits and decisions: what was decided away is not run, but for channels."""

    def __init__(self, network: DynamicNetwork | Cascade):
        super().__init__(network)
        self.parts = Modules(map(BranchingPart, parts_of(self.network), self.gates))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        if isinstance(self.network, Cascade):
            return tuple(self._ask(0, images, ()))
        logits, taken, *decided = self.parts[0](images)
        return (logits, *([] if self.network.rule is None else [taken]), *decided)

    def _ask(self, number: int, images: Tensor, given: Sequence[Tensor]) -> list[Tensor]:
        """What member ``number`` of a cascade says and, where it is not sure, those behind it."""
        rule = self.network.rule
        assert rule is not None
        logits, _, *decided = self.parts[number](images)
        given = [*given, logits]
        if number == len(self.parts) - 1:
            return [rule.answer(given), _number(number, logits), *decided]

        def go_on(images: Tensor, *given: Tensor) -> list[Tensor]:
            return self._ask(number + 1, images, given)

        def nothing(like: Tensor) -> list[Tensor]:
            return [tensor for part in self.parts[number + 1 :] for tensor in part.nothing(0, like)]

        answer, taken, *later = _unless_sure(rule, go_on, nothing, images, given)
        return [answer, taken, *decided, *later]


class BranchingPart(nn.Module):
    """One network, which may be a member of a cascade: logits, the number of the answer, what was decided."""

    def __init__(self, network: DynamicNetwork, gates: Sequence[BlockGates]):
        super().__init__()
        self.router, self.backbone, self.exits = network.router, network.backbone, network.exits
        self.gates = gates

    def forward(self, images: Tensor) -> list[Tensor]:
        state = self.router.start(images)
        return self._run(0, self.backbone.stem(images), [], state)

    def _run(self, first: int, x: Tensor, given: list[Tensor], state: Any) -> list[Tensor]:
        """Everything from block ``first`` on, for an image that comes to it."""
        decided: list[Tensor] = []
        for index in range(first, len(self.gates)):
            x, more = self._block(index, x, state)
            decided += more
            if self.exits is not None and self.exits.ask(index, x, given):
                answer, taken, *later = self._leave(index + 1, x, given)
                return [answer, taken, *decided, *later]
        given = [*given, self.backbone.head(x)]
        answer = given[-1] if self.exits is None else self.exits.rule.answer(given)
        return [answer, _number(len(given) - 1, x), *decided]

    def _leave(self, index: int, x: Tensor, given: list[Tensor]) -> list[Tensor]:
        """The answer just given, if one may be sure of it, else what comes from block ``index`` on."""
        assert self.exits is not None

        def go_on(x: Tensor, *given: Tensor) -> list[Tensor]:
            return self._run(index, x, list(given), None)

        return _unless_sure(self.exits.rule, go_on, partial(self.nothing, index), x, given)

    def _block(self, index: int, x: Tensor, state: Any) -> tuple[Tensor, list[Tensor]]:
        """The features behind a block, and what was decided about it."""
        block, gate = self.backbone.blocks[index], self.gates[index]
        features = self.router.gate_input(index, x)
        layer = self.router.decide_layer(index, features, state)
        # In the branch that is taken a decision that scales by itself scales by one.
        scaled = gate.layer and layer.scale is not layer.executed

        def run(x: Tensor, features: Tensor, scale: Tensor) -> tuple[Tensor, ...]:
            channels = self.router.decide_channels(index, features, state)
            y = block(x, scale if scaled else None, None if channels is None else channels.scale)
            return (y, *([] if channels is None else [channels.kept]))

        def pass_by(x: Tensor, features: Tensor, scale: Tensor) -> tuple[Tensor, ...]:
            kept = [x.new_zeros(1, block.inner_channels) for _ in range(gate.channels)]
            return (block.pass_by(x).clone(), *kept)  # a branch may not put out what it was given

        seen = (x, features, layer.scale)
        y, *kept = torch.cond(layer.executed.bool(), run, pass_by, seen) if gate.layer else run(*seen)
        return y, [layer.executed] * gate.layer + kept

    def nothing(self, first: int, like: Tensor) -> list[Tensor]:
        """What is decided about the blocks from ``first`` on for an image ``like`` that does not come to them."""
        blocks = list(zip(self.gates, self.backbone.blocks))[first:]
        return [tensor for gate, block in blocks for tensor in gate.nothing(like, block.inner_channels)]


def _number(answer: int, like: Tensor) -> Tensor:
    return torch.full((1,), answer, dtype=torch.int64, device=like.device)


def _unless_sure(
    rule: StopRule,
    go_on: Callable[..., list[Tensor]],
    nothing: Callable[[Tensor], list[Tensor]],
    x: Tensor,
    given: Sequence[Tensor],
) -> list[Tensor]:
    """The answer just given, its number and no further decisions, or else what ``go_on`` says of ``x``."""

    def stop(x: Tensor, *given: Tensor) -> list[Tensor]:
        return [rule.answer(given).clone(), _number(len(given) - 1, x), *nothing(x)]

    return list(torch.cond(rule.stops(given)[0], stop, go_on, (x, *given)))
