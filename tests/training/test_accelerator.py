"""Training on an accelerator, as far as that can be checked without one: fake tensors have a device, but no values."""

import copy

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from bench.methods import load_method, method_names
from bench.methods.interface import Budget, Method, TrainingBatch
from bench.networks.backbones import build_backbone
from bench.training import Recipe
from bench.training.losses import make_sample_loss
from bench.training.optimisers import make_optimisers

READ_VALUES = {"channel_gating", "slimming"}
"""Their stages read weights, and fake tensors have none to read."""


def _to_fake_gpu(module):
    def fake(tensor):
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="cuda")

    return module._apply(fake)


@pytest.mark.skipif(torch.__version__ < "2.14", reason="fake tensors of this torch ask for a real GPU")
@pytest.mark.parametrize("name", sorted(set(method_names()) - READ_VALUES))
def test_losses_mix_no_devices(name):
    """Every operation on tensors of two devices, or that waits for a value (which stalls a GPU), raises here."""
    method, recipe, gpu = load_method(name), Recipe(batch_size=128), torch.device("cuda")
    small = "resnet8" if method.verified_on == Method.verified_on else method.verified_on
    backbone = build_backbone(small, 10, "cifar10")
    network = method.build(copy.deepcopy(backbone), 0.5 if method.has_points else None)
    with FakeTensorMode(allow_non_fake_inputs=True):
        network, teacher = _to_fake_gpu(network), _to_fake_gpu(backbone).eval()
        images, labels = torch.empty(8, 3, 32, 32, device=gpu), torch.zeros(8, dtype=torch.long, device=gpu)
        for stage in method.stages(network, 0.5, Budget(12, pretrained=True)):
            assert make_optimisers(network.train(), stage, 128)
            for progress in (0.1, 0.9):
                step = TrainingBatch(images, labels, progress, make_sample_loss(images, labels, recipe, teacher))
                loss = stage.loss(network, step)
                assert loss.device.type == "cuda" and loss.shape == () and loss.requires_grad


def test_what_waits_for_a_value_and_what_mixes_devices_is_noticed():
    with FakeTensorMode():
        there, here = torch.empty(3, device="cuda"), torch.empty(3)
        with pytest.raises(Exception, match="_local_scalar_dense"):
            there.sum().item()
        with pytest.raises(RuntimeError, match=r"two (different )?devices"):
            there + here
