"""Tokens that a transformer's branches leave out: masked and gathered alike, at the MACs that run."""

import pytest
import torch
from timm.models.beit import Beit
from timm.models.mlp_mixer import MlpMixer
from timm.models.vision_transformer import VisionTransformer

from bench.errors import BadInput
from bench.execution.skipping import lower
from bench.measurement.counting import count_one
from bench.networks.backbones import build_backbone
from bench.networks.backbones.traced.adapter import adapt
from bench.networks.network import DynamicNetwork
from bench.networks.router import Router
from bench.networks.tokens import require_tokens

PX = 32
SIZES = {"img_size": PX, "patch_size": 8, "embed_dim": 48, "num_classes": 10}


class SomeTokens(Router):
    """Keeps tokens by what they hold: of some images none, of others all; only ``first`` blocks are decided about."""

    def __init__(self, blocks: int, first: int):
        super().__init__(blocks)
        self.first = first

    def gate_input(self, index, x):
        return x

    def decide_tokens(self, index, features, state):
        if index >= self.first:
            return None
        level = features.mean((1, 2, 3))[:, None].mul(40).sin() * 3
        return (features[:, index, :, 0].mul(20).sin() > level).float()


def tiny(**options) -> torch.nn.Module:
    torch.manual_seed(0)
    return adapt("tiny", VisionTransformer(depth=3, num_heads=3, **SIZES, **options).eval(), PX, PX).eval()


@pytest.mark.parametrize("fused", [True, False])
@torch.no_grad()
def test_tokens_that_are_left_out_are_neither_read_nor_paid(fused):
    backbone = tiny()
    for module in backbone.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = fused
    network, images = DynamicNetwork(backbone, SomeTokens(6, 5)).eval(), torch.randn(24, 3, PX, PX)
    masked, skipping = network(images), lower(network)
    counts = {int(count) for decision in masked.decisions[:5] for count in decision.tokens.sum(1)}
    assert {0, 17} < counts and len(counts) > 8
    for rows in (torch.arange(24), torch.randperm(24)[:7], torch.tensor([3])):
        skipped = skipping(images[rows])
        assert torch.equal(masked.executed()[rows], skipped.executed())
        for expected, decision in zip(masked.decisions[:5], skipped.decisions):
            assert torch.equal(expected.tokens[rows], decision.tokens)
        assert (masked.logits[rows] - skipped.logits).abs().max() <= 1e-5 * masked.logits.abs().max()
    costs = network.cost(masked).total.round().long().tolist()
    assert [count_one(skipping, image[None]) for image in images[:8]] == costs[:8]


@torch.no_grad()
def test_features_of_stopped_tokens_do_not_matter():
    """Whatever they hold: other tokens, and so the logits, stay as they are."""
    backbone, x = tiny(), torch.randn(2, 48, 17, 1)
    kept = (torch.arange(17) % 3 != 1).float().expand(2, -1)
    skipping = lower(DynamicNetwork(backbone, SomeTokens(6, 6)))
    skipping.router.decide_tokens = lambda index, features, state: kept
    other = torch.where(kept[:, None, :, None] > 0, x, torch.randn_like(x))
    first, second = (skipping._step(0, start.clone(), None)[0] for start in (x, other))
    assert torch.equal(first[:, :, kept[0] > 0], second[:, :, kept[0] > 0])
    assert torch.equal(second[:, :, kept[0] == 0], other[:, :, kept[0] == 0])


OTHERS = {
    "convolutions": lambda: build_backbone("resnet8", 10),
    "linear layers over all tokens": lambda: adapt("mixer", MlpMixer(num_blocks=2, **SIZES).eval(), PX, PX),
    "a classifier of all tokens": lambda: tiny(class_token=False, global_pool="avg"),
    "biases of pairs of tokens": lambda: adapt("beit", Beit(depth=2, num_heads=3, **SIZES).eval(), PX, PX),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_networks_that_cannot_do_without_tokens_are_refused(kind):
    require_tokens(tiny())
    backbone = OTHERS[kind]()
    with pytest.raises(BadInput, match=f"and {backbone.name} is none"):
        require_tokens(backbone)
