"""The control of LC-Net."""

import torch

from bench.measurement.conformance import verify_method
from bench.methods.interface import Budget
from bench.networks.backbones import build_backbone
from bench.training import Checkpoint, Recipe, Trainer
from lcnet.method import LCNet, LCNetStatic


def test_it_starts_as_lcnet_does(trained_resnet20):
    control, lcnet = (method().build(trained_resnet20, 0.6).state_dict() for method in (LCNetStatic, LCNet))
    assert all(torch.equal(value, lcnet[name]) for name, value in control.items())


def test_it_lands_where_lcnet_does_with_all_images_alike(digits, tmp_path):
    torch.manual_seed(0)
    network = LCNetStatic().build(build_backbone("resnet8", classes=10), 0.5)
    stages = LCNetStatic().stages(network, 0.5, Budget(4, pretrained=False))
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt")
    history = Trainer(network, digits, Recipe(batch_size=32), checkpoint, point=0.5).fit(stages)
    assert abs(history["validation_macs_fraction"].iloc[-1] - 0.5) < 0.03
    assert history["validation_macs_fraction_std"].max() < 1e-12
    assert history["validation_top1"].iloc[-1] > 50


def test_it_is_what_it_claims_to_be():
    assert [outcome for outcome in verify_method(LCNetStatic()) if not outcome.passed] == []
