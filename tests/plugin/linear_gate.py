"""A complete method of one's own: a linear gate on every block, trained towards its operating point."""

from torch import nn

from bench.methods.interface import Method, MethodInfo, Stage, joint_groups
from bench.methods.objective import falling_target, target_penalty
from bench.networks.decisions import LayerDecision
from bench.networks.gates import straight_through
from bench.networks.network import DynamicNetwork
from bench.networks.router import GateCost, Router


class LinearRouter(Router):
    def __init__(self, backbone):
        super().__init__(len(backbone.blocks))
        self.gates = nn.ModuleList(nn.Linear(block.in_channels, 1) for block in backbone.blocks)
        for gate in self.gates:
            nn.init.ones_(gate.bias)  # blocks start executed

    def decide_layer(self, index, glance, trace):
        """``glance``: the block's input, average-pooled, [N, C]."""
        executed = straight_through(self.gates[index](glance).squeeze(1).sigmoid())
        return LayerDecision(executed, scale=executed)

    def cost(self):
        return GateCost(image=0, layer=tuple(gate.in_features for gate in self.gates), channels=(0,) * self.blocks)


class LinearGate(Method):
    info = MethodInfo(decides="layer", looks_at="block input, pooled", paper="none: an example", year=None)

    def build(self, backbone, point):
        return DynamicNetwork(backbone, LinearRouter(backbone))

    def stages(self, network, point, budget):
        def loss(network, step):
            output = network(step.images)
            target = falling_target(point, step.progress)
            return step.task_loss(output.logits) + target_penalty(network, output, target, step.progress)

        return [Stage("joint", budget.epochs, joint_groups(network, budget, gate_lr=0.01), loss)]
