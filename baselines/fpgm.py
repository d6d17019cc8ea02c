"""Filter pruning via geometric median (He, Liu, Wang, Hu, Yang, CVPR 2019, arXiv 1811.00250).

The filters nearest to the geometric median of their layer, those with the smallest sum of distances to all others, can
be expressed by the rest and go. The public code sets filters to zero anew in every epoch, in all layers, and counts
MACs as if they were gone, although the residual sum keeps them alive; here inner filters are really removed, once,
before fine-tuning.
"""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.pruning import UniformPruning
from bench.methods.interface import MethodInfo, Reported
from bench.networks.blocks import ConvUnit

_HE = "He et al. 2019 (arXiv 1811.00250), table 1, FPGM only; zeroed filters counted as removed; test-set selection"


class FPGM(UniformPruning):
    """Filters that others can replace go."""

    info = MethodInfo(
        decides="nothing (channels removed for all images)",
        looks_at="weights",
        paper="He et al., Filter Pruning via Geometric Median, CVPR 2019, arXiv 1811.00250",
        year=2019,
        reported=(
            Reported("cifar10", "resnet20", 91.09, 24.3e6, _HE),
            Reported("cifar10", "resnet20", 90.44, 18.7e6, _HE),
            Reported("cifar10", "resnet32", 92.31, 40.3e6, _HE),
            Reported("cifar10", "resnet32", 91.93, 32.3e6, _HE),
            Reported("cifar10", "resnet56", 93.49, 59.4e6, _HE),
            Reported("cifar10", "resnet110", 93.74, 121e6, _HE),
        ),
    )

    def importance(self, unit: ConvUnit) -> Tensor:
        """Sum of Euclidean distances to all other filters of the layer."""
        filters = unit.conv.weight.detach().flatten(1)
        return torch.cdist(filters, filters).sum(1)
