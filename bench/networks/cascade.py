"""Networks in a row: the next one is asked only about samples of which those before it are not sure.

Wang, Kondratyuk, Christiansen, Kitani, Movshovitz-Attias, Eban, Wisdom of Committees, ICLR 2022 (arXiv 2012.01988).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.errors import BadInput
from bench.networks.blocks import Backbone
from bench.networks.cost import BackboneCost, SampleCost, output_cost
from bench.networks.decisions import ExitDecision, Output
from bench.networks.modules import Modules
from bench.networks.network import DynamicNetwork
from bench.networks.stopping import Committee


@dataclass(frozen=True)
class Member:
    """How a member is built, for records: its method, operating point and backbone."""

    method: str
    point: float | None
    backbone: str


class Cascade(nn.Module):
    """Whole networks of rising cost; shows the face of a :class:`DynamicNetwork`.

    ``forward`` is the masked execution: all members see all samples. Costs are the sum of what ran, and fractions refer
    to the backbone of the last member.

    Args:
        members: without exits of their own, for images of one size and the same classes.
        described: how each is built.

    Raises:
        BadInput: no two members, or members that no cascade can be made of.
    """

    def __init__(self, members: Sequence[DynamicNetwork], described: Sequence[Member]):
        super().__init__()
        if len(members) < 2:
            raise BadInput("a cascade needs two members or more")
        if any(not isinstance(member, DynamicNetwork) or member.exits is not None for member in members):
            raise BadInput("a member of a cascade is one network with one answer")
        if len({(one.backbone.image_shape, one.backbone.classifier.out_features) for one in members}) > 1:
            raise BadInput("the members of a cascade must see images of one size and know the same classes")
        self.members = Modules(members)
        self.described = tuple(described)
        self.rule = Committee(len(members) - 1)

    @property
    def backbone(self) -> Backbone:
        """The last member's."""
        return self.members[-1].backbone

    @property
    def backbone_cost(self) -> BackboneCost:
        """What fractions refer to: the backbone of the last member as it is."""
        return self.members[-1].backbone_cost

    def recount(self) -> None:
        """Counts the costs again, after channels were removed."""
        for member in self.members:
            member.recount()

    def load_state_dict(self, state_dict, strict: bool = True, assign: bool = False):
        """As usual; members make room for pruned weights as they do alone."""
        for number, member in enumerate(self.members):
            prefix = f"members.{number}."
            own = {name.removeprefix(prefix): value for name, value in state_dict.items() if name.startswith(prefix)}
            member.load_state_dict(own, strict, assign)
        return super().load_state_dict(state_dict, strict, assign)

    def keep(self, numbers: Sequence[int]) -> None:
        """Lets go of all members but ``numbers``, in place. Thresholds have to be set again."""
        self.members = Modules(self.members[number] for number in numbers)
        self.described = tuple(self.described[number] for number in numbers)
        averages = self.rule.averages
        self.rule = Committee(len(numbers) - 1).to(averages.device)
        self.rule.averages.copy_(averages)

    def forward(self, images: Tensor) -> Output:
        """Images ``[N, 3, H, W]`` to logits ``[N, classes]`` and the decisions of all members, one after the other."""
        outputs = [member(images) for member in self.members]
        given = [output.logits.float() for output in outputs]
        logits, taken = self.rule.choose(given)
        return join(outputs, logits, ExitDecision(taken, torch.stack(given)))

    def cost(self, output: Output) -> SampleCost:
        """MACs of each sample of ``output``."""
        return cascade_cost(self.members, output)

    def answer_costs(self, output: Output) -> Tensor:
        """As :meth:`DynamicNetwork.answer_costs`: ``[answers, N]``, of a pass in which no sample stopped."""
        return torch.stack(self.cost(output).members).cumsum(0)

    def macs_fraction(self, output: Output) -> Tensor:
        """MACs of each sample relative to the last member's backbone, ``[N]``."""
        return self.cost(output).total / self.backbone_cost.total


def parts_of(network: DynamicNetwork | Cascade) -> list[DynamicNetwork]:
    """The members of a cascade; of a single network itself."""
    return list(network.members) if isinstance(network, Cascade) else [network]


def join(outputs: Sequence[Output], logits: Tensor, exits: ExitDecision) -> Output:
    """What members put out about the same samples, seen from the one that each sample stops at."""
    decisions = []
    for number, output in enumerate(outputs):
        asked = (exits.taken >= number).to(logits.dtype)
        decisions += [decision.of_those(asked) for decision in output.decisions]
    return Output(logits, tuple(decisions), None, exits)


def cascade_cost(members: Sequence[DynamicNetwork], output: Output) -> SampleCost:
    """Sum of what ran. ``members`` in whatever form they run: they know their costs."""
    costs, first = [], 0
    for number, member in enumerate(members):
        blocks = len(member.backbone_cost.blocks)
        own = Output(output.logits, output.decisions[first : first + blocks])
        cost = output_cost(member.backbone_cost, member.gate_cost, own)
        assert output.exits is not None
        asked = (output.exits.taken >= number).double()
        costs.append((asked * cost.total, asked * cost.gates))
        first += blocks
    totals, gates = zip(*costs)
    return SampleCost(sum(totals), sum(gates), totals)
