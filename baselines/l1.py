"""Filter pruning by L1 norm (Li, Kadav, Durdanovic, Samet, Graf, ICLR 2017, arXiv 1608.08710).

Filters of each block's inner convolutions with the smallest sum of absolute weights are removed, with the matching
input slices of the next convolution, in one shot before fine-tuning. The paper's rates differ by stage and leave
sensitive layers alone; here one rate for all blocks is solved for the operating point.
"""

from __future__ import annotations

from torch import Tensor

from baselines.pruning import UniformPruning
from bench.methods.interface import MethodInfo, Reported
from bench.networks.blocks import ConvUnit
from bench.networks.importance import filter_norms

_LI = "Li et al. 2017 (arXiv 1608.08710), table 1"


class L1(UniformPruning):
    """Filters with small weights go."""

    info = MethodInfo(
        decides="nothing (channels removed for all images)",
        looks_at="weights",
        paper="Li et al., Pruning Filters for Efficient ConvNets, ICLR 2017, arXiv 1608.08710",
        year=2017,
        reported=(
            Reported("cifar10", "resnet56", 93.06, 90.9e6, f"{_LI}, ResNet-56-B"),
            Reported("cifar10", "resnet110", 93.30, 155.1e6, f"{_LI}, ResNet-110-B"),
        ),
    )

    def importance(self, unit: ConvUnit) -> Tensor:
        return filter_norms(unit)
