"""A ResNet with fewer blocks: the simplest rival, with :mod:`baselines.slim`.

Each stage keeps its first blocks, at least its start, and the stages are cut as evenly as the operating point allows.
Block counts are coarse: of all such networks the one nearest to the point is taken, which on short backbones can be
some hundredths away. It starts from the dense network's weights, for the reason given in :mod:`baselines.slim`.
"""

from __future__ import annotations

from torch import nn

from baselines.dense import Dense
from bench.methods.interface import MethodInfo, Reported
from bench.networks.blocks import Backbone
from bench.networks.cost import count_backbone
from bench.networks.modules import Modules
from bench.networks.network import DynamicNetwork


def removal_order(backbone: Backbone) -> list[int]:
    """Indices of the blocks that may go, in the order in which they go.

    Always the last block of the stage that has most left (as a share of what it had); of equals the latest stage.
    """
    stages: list[list[int]] = []
    for index, block in enumerate(backbone.blocks):
        if index == 0 or not isinstance(block.shortcut, nn.Identity):
            stages.append([])
        stages[-1].append(index)
    left, order = [list(stage) for stage in stages], []
    while any(len(stage) > 1 for stage in left):
        share = [(len(now) > 1, len(now) / len(full), number) for number, (now, full) in enumerate(zip(left, stages))]
        order.append(left[max(share)[2]].pop())
    return order


_HE = "He et al. 2015 (arXiv 1512.03385), table 6, trained from scratch; MACs counted for shortcut option A"
_BLOCKDROP = "Wu et al. 2018 (arXiv 1711.08393), plain nets in figure (digitised)"


class Shallow(Dense):
    """A network of fewer blocks and the same width, fine-tuned."""

    info = MethodInfo(
        decides="nothing (fewer blocks)",
        looks_at="nothing",
        paper="He et al., CVPR 2016, arXiv 1512.03385, at another depth",
        year=2016,
        reported=(
            Reported("cifar10", "resnet20", 90.2, 26.5e6, f"{_BLOCKDROP}: ResNet-14"),
            Reported("cifar10", "resnet32", 91.25, 40_551_040, f"{_HE}: ResNet-20"),
            Reported("cifar10", "resnet56", 92.49, 68_862_592, f"{_HE}: ResNet-32"),
            Reported("cifar10", "resnet110", 93.03, 125_485_696, f"{_HE}: ResNet-56"),
        ),
    )
    has_points = True

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        assert point is not None
        cost = count_backbone(backbone)
        order = removal_order(backbone)

        def miss(removed: int) -> float:
            saved = sum(cost.blocks[index].branch for index in order[:removed])
            return abs(cost.total - saved - point * cost.total)

        gone = set(order[: min(range(len(order) + 1), key=miss)])
        backbone.blocks = Modules(block for index, block in enumerate(backbone.blocks) if index not in gone)
        return DynamicNetwork(backbone)
