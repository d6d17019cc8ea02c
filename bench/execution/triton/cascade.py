"""A cascade on a GPU: members run one after the other; their programs leave where a sample has answered."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from bench.execution.triton.executor import TritonNetwork, decisions_of
from bench.execution.triton.maps import Answers, Map
from bench.execution.triton.replay import Replayed
from bench.networks.cascade import Cascade, cascade_cost, join
from bench.networks.cost import SampleCost
from bench.networks.decisions import ExitDecision, Output
from bench.networks.network import DynamicNetwork

if TYPE_CHECKING:
    from bench.execution.triton.program import Program


class TritonCascade(Replayed):
    """A cascade whose members are :class:`TritonNetwork`; who is asked is decided on the device.

    Raises:
        BadInput: as :class:`TritonNetwork`.
    """

    def __init__(self, cascade: Cascade, precision: str = "float32"):
        members = [TritonNetwork(member, precision) for member in cascade.members]
        super().__init__(members[0].channels, members[0].device, precision)
        self.members = members
        self.rule = copy.deepcopy(cascade.rule).eval()
        # Read in Python: on the device, it would have to be waited for.
        self.rule.averages = self.rule.averages.cpu()
        self.backbone_cost = cascade.backbone_cost
        self.eval()

    @torch.inference_mode()
    def forward(self, images: Tensor) -> Output:
        """Images ``[N, C, H, W]`` to logits ``[N, classes]``, the decisions of all members, and who answered whom."""
        program = cast(CascadeProgram, self._run(images))
        taken, outputs = program.answers.taken.long(), []
        for number, member in enumerate(program.members):
            asked = (taken >= number).to(member.answers.logits.dtype)
            outputs.append(Output(member.answers.logits, decisions_of(member, [asked] * len(member.decided))))
        return join(outputs, program.answers.logits.clone(), ExitDecision(taken))

    def cost(self, output: Output) -> SampleCost:
        """MACs of each sample of ``output``."""
        return cascade_cost(cast("list[DynamicNetwork]", self.members), output)

    def prepare(self, shape: torch.Size) -> CascadeProgram:
        """Memory and launches for images of ``shape``."""
        return CascadeProgram(self, self._room(shape))


class CascadeProgram:
    """The launches of all members, and between them the rule by which samples stop."""

    def __init__(self, cascade: TritonCascade, images: Map):
        from bench.execution.triton.program import Program  # imports Triton, which not every machine has

        self.images, self.rule = images, cascade.rule
        classes = cascade.members[0].network.backbone.classifier.out_features
        self.answers = Answers.empty(images.count, classes, True, cascade.device)
        alive = self.answers.alive
        self.members: list[Program] = [
            Program(member.network, images, cascade.precision, alive) for member in cascade.members
        ]

    def __call__(self) -> None:
        assert self.answers.alive is not None
        self.answers.alive.fill_(1.0)
        given: list[Tensor] = []
        for number, member in enumerate(self.members):
            member()
            given.append(member.answers.logits)
            self._answer(number, given)

    def _answer(self, number: int, given: list[Tensor]) -> None:
        """Writes down who stops at the answer just given; everybody does at the last."""
        alive, taken, logits = self.answers.alive, self.answers.taken, self.answers.logits
        assert alive is not None
        stops = alive > 0
        if number < len(self.members) - 1:
            stops &= self.rule.stops(given)
        logits.copy_(torch.where(stops[:, None], self.rule.answer(given), logits))
        taken.copy_(torch.where(stops, number, taken))
        alive.copy_(torch.where(stops, -1.0, alive))
