"""timm's networks as lists of blocks: the same function, published counts, weights by timm's names, honest refusals."""

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models.resnet import ResNet
from torchvision import models

from bench.errors import BadInput
from bench.execution.skipping import lower
from bench.measurement.counting import count_one
from bench.methods import load_method
from bench.networks.backbones import build_backbone, count_outputs, imagenet, load_weights
from bench.networks.backbones.imagenet import NAMES, from_timm
from bench.networks.cost import count_backbone
from bench.runs.plan.suite import Suite, check_suite


def _randomised(model):
    """With statistics and scales as after training: fresh ones hide what is applied to the wrong channel."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor, low in ((module.weight, 0.5), (module.bias, -0.5), (module.running_mean, -0.5)):
                torch.nn.init.uniform_(tensor, low, low + 1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    return model.eval()


@pytest.mark.parametrize("name", ["resnet18", "resnext50_32x4d", "resnet10t"])
@torch.inference_mode()
def test_the_backbone_computes_what_timm_does(name, tmp_path):
    torch.manual_seed(0)
    model = _randomised(timm.create_model(name, num_classes=12))
    images = torch.randn(2, 3, 64, 64)
    expected = model(images)
    converted = from_timm(name, model)(images)
    assert (converted - expected).abs().max() <= 1e-5 * expected.abs().max()

    save_file(model.state_dict(), tmp_path / "timm.safetensors")
    torch.save(
        {"state_dict": {f"module.{key}": value for key, value in model.state_dict().items()}}, tmp_path / "a.pth"
    )
    for path in (tmp_path / "timm.safetensors", tmp_path / "a.pth"):
        assert count_outputs(path) == 12
        backbone = build_backbone(name, 12, "imagenet").eval()
        load_weights(backbone, path)
        assert torch.equal(backbone(images), converted)


PUBLISHED = {
    "resnet18": models.ResNet18_Weights.IMAGENET1K_V1,
    "resnet34": models.ResNet34_Weights.IMAGENET1K_V1,
    "resnet50": models.ResNet50_Weights.IMAGENET1K_V1,
    "resnet101": models.ResNet101_Weights.IMAGENET1K_V1,
    "wide_resnet50_2": models.Wide_ResNet50_2_Weights.IMAGENET1K_V1,
    "resnext50_32x4d": models.ResNeXt50_32X4D_Weights.IMAGENET1K_V1,
}
"""What torchvision publishes with its weights: multiply-accumulates in billions (called GFLOPS there), parameters."""


@pytest.mark.parametrize("name", NAMES)
def test_published_macs_and_parameters(name):
    backbone, published = build_backbone(name, 1000, "imagenet"), PUBLISHED[name].meta
    assert count_backbone(backbone).total / 1e9 == pytest.approx(published["_ops"], abs=6e-4)
    assert sum(parameter.numel() for parameter in backbone.parameters()) == published["num_params"]


def test_blockdrop_s_policy_costs_what_was_counted_from_its_code():
    """ResNet-10 on the image at half resolution: 0.236 G for the 33 blocks of ResNet-101 (a value head included)."""
    network = load_method("blockdrop").build(build_backbone("resnet101", 1000, "imagenet"), 0.8)
    assert len(network.backbone.blocks) == 33
    assert network.gate_cost.image / 1e9 == pytest.approx(0.236, abs=0.001)


def test_resnet50_is_another_network_on_cifar():
    assert build_backbone("resnet50", 10, "cifar10").image_shape == (3, 32, 32)
    assert build_backbone("resnet50", 10, "imagenet").image_shape == (3, 224, 224)


@pytest.mark.parametrize("method", ["lcnet", "lcnet_menu", "fbs", "channel_gating", "l1"])
def test_channel_methods_refuse_groups_before_anything_is_trained(method):
    with pytest.raises(BadInput, match="cannot run on grouped convolutions"):
        check_suite(Suite((method,), dataset="imagenet", backbone="resnext50_32x4d"))


@pytest.mark.parametrize("name", ["resnext50_32x4d", "resnet10t"])
@torch.no_grad()
def test_layer_methods_skip_blocks(name):
    torch.manual_seed(0)
    network = load_method("lnet").build(_randomised(build_backbone(name, 10, "imagenet")), 0.5).eval()
    for index, net in enumerate(network.router.layer_nets):
        net.linear.bias.fill_(-3.0 if index % 3 == 1 else 3.0)
    network.backbone.image_shape = (3, 64, 64)
    network.recount()
    images, skipping = torch.randn(2, 3, 64, 64), lower(network)
    masked, skipped = network(images), skipping(images)
    assert skipping.execution == "skipped"
    assert 0 < skipped.executed().mean() < 1 and torch.equal(masked.executed(), skipped.executed())
    assert (masked.logits - skipped.logits).abs().max() <= 1e-4 * masked.logits.abs().max()
    assert count_one(skipping, images[:1]) == int(skipping.cost(skipped).total[0])


@pytest.mark.parametrize("method", ["shallow", "skipnet", "lcnet_menu"])
def test_methods_run_on_bottlenecks_unchanged(method):
    network = load_method(method).build(build_backbone("resnet50", 10, "imagenet"), 0.5).eval()
    with torch.inference_mode():
        assert network(torch.randn(1, 3, 64, 64)).logits.shape == (1, 10)


def test_the_rivals_narrow_network_exists_at_this_size():
    network = load_method("slim").build(build_backbone("resnet18", 10, "imagenet"), 0.5)
    assert network.backbone_cost.total / count_backbone(build_backbone("resnet18", 10, "imagenet")).total < 0.55


def test_without_internet_there_is_one_clear_line(tmp_path, monkeypatch):
    def offline(*_, **options):
        raise OSError("Name or service not known")

    monkeypatch.setattr(imagenet.timm, "create_model", offline)
    with pytest.raises(BadInput, match=r"timm's weights of resnet18 cannot be downloaded .*--backbone-weights"):
        imagenet.download("resnet18", tmp_path)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("repvgg_a0", "it holds no unit that adds what it computes to what it reads, and only such can be skipped"),
        ("inception_v3", "it holds no unit that adds"),
        ("levit_128s", "features between its blocks have 2 dimensions"),
    ],
)
def test_what_cannot_be_skipped_is_refused(name, reason):
    with pytest.raises(BadInput, match=f"{name} cannot be gated block by block: {reason}") as raised:
        build_backbone(name, 10, "imagenet")
    assert "\n" not in str(raised.value)


def test_a_network_that_computes_something_else_is_refused():
    """What no rule foresees shows in the logits: here a factor within ``forward``."""
    model = timm.create_model("resnet10t")
    louder = {"__module__": ResNet.__module__, "forward": lambda self, images: 2 * ResNet.forward(self, images)}
    model.__class__ = type("Louder", (ResNet,), louder)
    with pytest.raises(BadInput, match=r"its logits would differ by 0\.5, relatively"):
        from_timm("resnet10t", model)


def test_a_check_of_a_network_leaves_what_is_drawn_alone():
    def drawn(before):
        imagenet._require_adaptable.cache_clear()
        torch.manual_seed(5)
        before()
        return torch.rand(3)

    assert torch.equal(drawn(lambda: None), drawn(lambda: imagenet._require_adaptable("resnet10t")))


def test_narrowing_refuses_a_stem_of_several_convolutions():
    with pytest.raises(BadInput, match="only stems and shortcuts of one convolution can be narrowed"):
        check_suite(Suite(("slim",), dataset="imagenet", backbone="resnet10t"))


def test_a_network_whose_logits_are_no_numbers_is_refused(monkeypatch):
    monkeypatch.setattr("bench.networks.backbones.imagenet.models.difference", lambda *_: float("nan"))
    with pytest.raises(BadInput, match="its logits would differ by nan"):
        from_timm("resnet18", timm.create_model("resnet18", num_classes=10))
