"""What the exported forms of a network share."""

from __future__ import annotations

import copy
from itertools import chain

from torch import nn

from bench.execution.folding import folded
from bench.execution.onnx.decisions import gates_of, output_names
from bench.networks.cascade import Cascade, parts_of
from bench.networks.network import DynamicNetwork
from bench.networks.stopping import Committee


def prepared(network: DynamicNetwork | Cascade) -> DynamicNetwork | Cascade:
    """A copy for inference: batch norms of the backbone folded, gradients off, nothing that a trace cannot follow."""
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for part in parts_of(network):
        part.backbone = folded(part.backbone)
    if isinstance(network.rule, Committee):
        averages = bool(network.rule.averages)
        del network.rule.averages  # Whose answer it is was decided long ago: no tensor, which a trace would ask.
        network.rule.averages = averages  # type: ignore[assignment]
    return network


class Graph(nn.Module):
    """What both forms share.

    Attributes:
        gates: of every block, by part.
        names: of the tensors that ``forward`` returns, in their order.
    """

    def __init__(self, network: DynamicNetwork | Cascade):
        super().__init__()
        self.network = prepared(network)
        self.gates = [gates_of(part) for part in parts_of(self.network)]
        rule = self.network.rule
        self.names = output_names([*chain(*self.gates)], 1 if rule is None else len(rule.thresholds) + 1)
