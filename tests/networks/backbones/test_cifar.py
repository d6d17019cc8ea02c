"""The CIFAR ResNet family against published counts, and weights from files."""

import pickle

import pytest
import torch
from ptflops import get_model_complexity_info
from safetensors.torch import save_file
from torch.utils.flop_counter import FlopCounterMode

from bench.errors import BadInput
from bench.networks.backbones import build_backbone, load_weights
from bench.networks.cost import count_backbone

# MACs and parameters, convolutions and classifier only, options A and B: counted from the definition of the family;
# they agree with what is published for it (40.8 M is the option-B figure for depth 20).
KNOWN = {
    "resnet8": (12_239_488, 75_290),
    "resnet20": (40_551_040, 269_722),
    "resnet20b": (40_813_184, 272_474),
    "resnet32": (68_862_592, 464_154),
    "resnet44": (97_174_144, 658_586),
    "resnet56": (125_485_696, 853_018),
    "resnet110": (252_887_680, 1_727_962),
    "resnet110b": (253_149_824, 1_730_714),
    "resnet20-w0.5": (10_248_512, 68_050),
    "resnet20-w0.75": (22_893_024, 152_182),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_macs_and_parameters(name):
    backbone = build_backbone(name, classes=10)
    assert (count_backbone(backbone).total, sum(p.numel() for p in backbone.parameters())) == KNOWN[name]


@pytest.mark.parametrize("name", ["resnet20", "resnet56", "resnet14b"])
def test_independent_counters_agree(name):
    backbone = build_backbone(name, classes=10).eval()
    ours = count_backbone(backbone).total
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        backbone(torch.zeros(1, 3, 32, 32))
    assert counter.get_total_flops() == 2 * ours

    # Batch norm and functional operations left out, as in our convention; ptflops adds the classifier's 10 biases.
    by_ptflops, _ = get_model_complexity_info(
        backbone,
        (3, 32, 32),
        as_strings=False,
        print_per_layer_stat=False,
        ignore_modules=[torch.nn.BatchNorm2d],
        backend_specific_config={"count_functional": False},
    )
    assert by_ptflops - 10 == ours


def test_costs_are_those_of_the_data_sets_images():
    small, usual = (build_backbone("resnet20", classes=10, dataset=dataset) for dataset in ("digits", "cifar10"))
    assert (small.image_shape, usual.image_shape) == ((3, 16, 16), (3, 32, 32))
    classifier = small.classifier.weight.numel()
    assert 4 * (count_backbone(small).total - classifier) == count_backbone(usual).total - classifier


@pytest.mark.parametrize("name", ["resnet7", "resnet21", "resnet116", "vgg16", "resnet20-w0", "resnet20c", ""])
def test_names_outside_the_family_are_refused(name):
    with pytest.raises(BadInput):
        build_backbone(name, classes=10)


@pytest.mark.parametrize("depth", [20, 56])
def test_public_weights_fit(public_weights, depth):
    backbone = build_backbone(f"resnet{depth}", classes=10)
    before = backbone.blocks[0].units[0].conv.weight.clone()
    load_weights(backbone, public_weights[depth])
    assert not torch.equal(before, backbone.blocks[0].units[0].conv.weight)


def test_weights_of_another_depth_are_refused(public_weights):
    with pytest.raises(BadInput, match="does not hold weights of resnet56"):
        load_weights(build_backbone("resnet56", classes=10), public_weights[20])


def test_own_weights_survive_a_file(tmp_path):
    first, second = build_backbone("resnet8b", classes=10), build_backbone("resnet8b", classes=10)
    save_file(first.state_dict(), tmp_path / "weights.safetensors")
    load_weights(second, tmp_path / "weights.safetensors")
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(first.eval()(images), second.eval()(images))


class _Runs:
    """Unpickling this would create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("suffix", [".th", ".safetensors"])
def test_a_checkpoint_that_wants_to_run_code_is_refused(tmp_path, suffix):
    target = tmp_path / "it-ran"
    checkpoint = tmp_path / f"evil{suffix}"
    if suffix == ".th":
        torch.save({"state_dict": _Runs(target)}, checkpoint)
    else:
        checkpoint.write_bytes(pickle.dumps(_Runs(target)))
    with pytest.raises(BadInput, match="cannot read checkpoint"):
        load_weights(build_backbone("resnet8", classes=10), checkpoint)
    assert not target.exists()


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"PK\x03\x04broken", b'{"a": 1}'])
@pytest.mark.parametrize("suffix", [".th", ".safetensors"])
def test_damaged_checkpoints_are_refused(tmp_path, content, suffix):
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(content)
    with pytest.raises(BadInput):
        load_weights(build_backbone("resnet8", classes=10), path)


def test_missing_checkpoint_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no checkpoint"):
        load_weights(build_backbone("resnet8", classes=10), tmp_path / "nothing.safetensors")
