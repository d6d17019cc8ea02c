"""What baselines/README.md promises of the backbone's optimiser holds for every registered method."""

import pytest
import torch

from bench.methods import load_method, method_names
from bench.methods.interface import BACKBONE_WEIGHT_DECAY, Budget, backbone_lr, split_parameters
from bench.networks.backbones import build_backbone

FROZEN = {"sdn", "selfxit", "ztw"}
"""They train classifiers on a backbone that stays as it is: the papers' own definition."""


@pytest.mark.parametrize("pretrained", [True, False])
@pytest.mark.parametrize("name", method_names())
def test_one_rate_one_decay_and_one_optimiser_for_every_backbone(name, pretrained):
    torch.manual_seed(0)
    method, budget = load_method(name), Budget(6, pretrained)
    network = method.build(build_backbone(method.verified_on, 10), 0.6)
    mine = {id(parameter) for parameter in split_parameters(network)[0]}
    seen = 0
    for stage in method.stages(network, 0.6, budget):
        for group in stage.groups:
            if not any(id(parameter) in mine for parameter in group.parameters):
                continue
            seen += 1
            assert (group.optimiser, group.weight_decay) == ("sgd", BACKBONE_WEIGHT_DECAY)
            assert group.lr == backbone_lr(budget)
    assert bool(seen) == (name not in FROZEN)
