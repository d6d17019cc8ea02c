"""timm's networks on small images."""

import pytest
import timm
import torch

from bench.errors import BadInput
from bench.networks.backbones import build_backbone
from bench.networks.cost import count_backbone


def test_the_first_strided_layers_lose_their_stride_and_nothing_else_changes():
    torch.manual_seed(0)
    backbone = build_backbone("regnetx_002-stride8", 10, "cifar10").eval()
    torch.manual_seed(0)
    model = timm.create_model("regnetx_002", num_classes=10).eval()
    model.stem.conv.stride = model.s1.b1.conv2.conv.stride = model.s1.b1.downsample.conv.stride = (1, 1)
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert model.forward_features(images).shape[-1] == 4 and torch.allclose(backbone(images), model(images))
    as_it_is = build_backbone("regnetx_002", 10, "cifar10")
    assert as_it_is.image_shape == (3, 32, 32) and count_backbone(backbone).total > 10 * count_backbone(as_it_is).total


@pytest.mark.parametrize(("name", "positions"), [("vit_tiny_patch16_224-stride4", 17), ("convnext_atto-stride8", 4)])
def test_networks_of_patches_have_smaller_ones(name, positions):
    backbone = build_backbone(name, 10, "digits").eval()  # 16 pixels
    features = []
    backbone.behind.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
    with torch.inference_mode():
        assert backbone(torch.randn(2, *backbone.image_shape)).shape == (2, 10)
    assert features[0].numel() == 2 * positions * backbone.blocks[-1].out_channels


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nothing-stride8", "unknown backbone 'nothing-stride8'"),
        ("mobilenetv3_small_050-stride7", "a stride is one of 1, 2, 4"),
        ("mobilenetv3_small_050-stride64", "a stride is one of 1, 2, 4"),
        ("convnext_atto-stride16", "it can have the strides 8, 32 alone"),
        ("resnet50_clip-stride8", "its layers cannot be given this stride"),
        ("repvgg_a0-stride8", "cannot be gated block by block"),
    ],
)
def test_what_cannot_be_is_one_line(name, reason):
    with pytest.raises(BadInput, match=reason) as refused:
        build_backbone(name, 10, "cifar10")
    assert "\n" not in str(refused.value)
