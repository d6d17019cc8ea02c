"""Weights from files as people have them: wrapped, prefixed, renamed, with more beside them; and what is refused."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bench.errors import BadInput
from bench.networks.backbones import build_backbone, count_outputs, foreign_outputs, load_weights, unread_average

NAME = "resnet8-w0.25"


def _public(name: str = NAME, shortcut: str = "shortcut", classifier: str = "linear") -> dict:
    """Weights of a fresh network as public CIFAR ResNets name them."""
    renamed = {}
    for key, value in build_backbone(name, 10).state_dict().items():
        key = key.replace("stem.conv", "conv1").replace("stem.norm", "bn1").replace("classifier", classifier)
        parts = key.split(".")
        if parts[0] == "blocks":
            index, rest = int(parts[1]), parts[2:]
            if rest[0] == "units":
                rest = [f"{'conv' if rest[2] == 'conv' else 'bn'}{int(rest[1]) + 1}", *rest[3:]]
            else:
                rest = [shortcut, "0" if rest[1] == "conv" else "1", *rest[2:]]
            key = ".".join([f"layer{index + 1}.0", *rest])
        renamed[key] = value
    return renamed


def _prefixed(prefix: str) -> dict:
    return {prefix + key: value for key, value in _public().items()}


def _counted() -> dict:
    modules = {key.rpartition(".")[0] for key in _public()}
    return _public() | {f"{module}.total_ops": torch.zeros(1) for module in modules} | {"total_params": torch.zeros(1)}


LAYOUTS = {
    "bare": lambda: _public(),
    "fc": lambda: _public(classifier="fc"),
    "compiled": lambda: _prefixed("_orig_mod."),
    "parallel and compiled": lambda: _prefixed("module._orig_mod."),
    "lightning": lambda: {"state_dict": _prefixed("model."), "epoch": 1},
    "net": lambda: {"net": _public(), "acc": 90.0, "epoch": 1},
    "model": lambda: {"model": _public()},
    "model_state_dict": lambda: {"model_state_dict": _public(), "optimizer_state_dict": {"state": {}}},
    "weights": lambda: {"weights": _public()},
    "counted by thop": _counted,
    "beside a number of NumPy": lambda: {"state_dict": _public(), "best_acc": np.float64(91.5)},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_that_leave_nothing_unclear_are_read(tmp_path, layout):
    content = LAYOUTS[layout]()
    torch.save(content, tmp_path / "weights.pt")
    backbone = build_backbone(NAME, 10)
    load_weights(backbone, tmp_path / "weights.pt")
    stem = next(value for key, value in _flat(content).items() if key.endswith("conv1.weight") and value.shape[1] == 3)
    assert torch.equal(backbone.stem.conv.weight, stem)
    assert count_outputs(tmp_path / "weights.pt") == 10


def _flat(content: dict) -> dict:
    nested = [_flat(value) for value in content.values() if isinstance(value, dict)]
    own = {key: value for key, value in content.items() if isinstance(value, torch.Tensor)}
    return own | {key: value for one in nested for key, value in one.items()}


@pytest.mark.parametrize(("shortcut", "classifier"), [("shortcut", "linear"), ("downsample", "fc")])
def test_both_public_names_of_projection_shortcuts_are_read(tmp_path, shortcut, classifier):
    weights = _public("resnet8b-w0.25", shortcut, classifier)
    torch.save(weights, tmp_path / "weights.pt")
    backbone = build_backbone("resnet8b-w0.25", 10)
    load_weights(backbone, tmp_path / "weights.pt")
    assert torch.equal(backbone.blocks[1].shortcut.conv.weight, weights[f"layer2.0.{shortcut}.0.weight"])


def test_what_fits_not_is_named_as_found_and_as_expected(tmp_path):
    torch.save(_public("resnet8b-w0.25", "downsample"), tmp_path / "b.pt")
    with pytest.raises(BadInput, match=r"it holds layer2\.0\.downsample\.0\.weight, .* and 9 more"):
        load_weights(build_backbone(NAME, 10), tmp_path / "b.pt")
    torch.save(_public(), tmp_path / "a.pt")
    with pytest.raises(BadInput, match=r"it lacks blocks\.1\.shortcut\.conv\.weight"):
        load_weights(build_backbone("resnet8b-w0.25", 10), tmp_path / "a.pt")
    with pytest.raises(BadInput, match=r"linear\.weight is 10 x 16, expected 100 x 16"):
        load_weights(build_backbone(NAME, 100), tmp_path / "a.pt")


REFUSED = {
    "whole numbers": (lambda: {key: value.to(torch.int16) for key, value in _public().items()}, "holds int16 instead"),
    "no values": (lambda: {key: value.to("meta") for key, value in _public().items()}, "holds no values"),
    "sparse": (lambda: _public() | {"linear.weight": torch.eye(16).to_sparse()}, "linear.weight is sparse"),
    "complex": (lambda: _public() | {"linear.bias": torch.zeros(10, dtype=torch.complex64)}, "holds complex64"),
    "not finite": (lambda: _public() | {"linear.bias": torch.full((10,), torch.nan)}, "values that are no numbers"),
    "no weights at all": (lambda: {"epoch": 3}, "epoch is a int"),
    "nothing": (lambda: {}, "no checkpoint of weights"),
    "two networks": (lambda: {"net": _public(), "model": _public()}, r"several networks \(model, net\)"),
    "one weight under two names": (lambda: _public() | {"fc.bias": torch.zeros(10)}, "under two names"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_set_of_weights_is_refused(tmp_path, kind):
    make, says = REFUSED[kind]
    torch.save(make(), tmp_path / "weights.pt")
    with pytest.raises(BadInput, match=says):
        load_weights(build_backbone(NAME, 10), tmp_path / "weights.pt")


def test_a_moving_average_beside_the_weights_is_told(tmp_path):
    torch.save({"state_dict": _public(), "state_dict_ema": _public()}, tmp_path / "both.pt")
    torch.save({"state_dict": _public()}, tmp_path / "one.pt")
    assert unread_average(tmp_path / "both.pt") == "state_dict_ema" and unread_average(tmp_path / "one.pt") == ""


def test_the_backbone_of_a_dynamic_network_is_read(tmp_path):
    backbone = build_backbone(NAME, 10)
    weights = {f"backbone.{key}": value for key, value in backbone.state_dict().items()}
    save_file(weights | {"router.threshold": torch.zeros(1)}, tmp_path / "model.safetensors")
    other = build_backbone(NAME, 10)
    load_weights(other, tmp_path / "model.safetensors")
    assert torch.equal(other.stem.conv.weight, backbone.stem.conv.weight)


@pytest.mark.parametrize("name", [NAME, "mobilenetv3_small_050-stride8"])
def test_a_classifier_of_other_classes_can_be_left_out(tmp_path, name):
    trained = build_backbone(name, 100, "digits")
    files = [tmp_path / "ours.safetensors", tmp_path / "in_order.pt"]
    save_file(trained.state_dict(), files[0])
    ours = {place: published for published, place in trained.published.items()}
    # As other programs name them: in timm's order, under names that are not timm's.
    renamed = {key: f"_{ours.get(key, key)}".replace("_classifier", "_fc") for key in trained.state_dict()}
    torch.save({renamed[key]: value for key, value in trained.state_dict().items()}, files[1])
    for path in files[: 1 + bool(ours)]:
        assert (foreign_outputs(path, 10), foreign_outputs(path, 100)) == (100, 0)
        backbone = build_backbone(name, 10, "digits")
        fresh = {key: value.clone() for key, value in backbone.state_dict().items()}
        load_weights(backbone, path, own_classifier=True)
        mine, theirs = backbone.state_dict(), trained.state_dict()
        kept = [key for key in mine if not torch.equal(mine[key], theirs[key])]
        assert all(torch.equal(mine[key], fresh[key]) for key in kept)
        assert [fresh[key].shape[0] for key in kept] == [10, 10]


def test_a_classifier_of_other_features_is_no_reason_to_leave_it_out(tmp_path):
    save_file(build_backbone("resnet8-w0.5", 100).state_dict(), tmp_path / "wider.safetensors")
    with pytest.raises(BadInput, match=r"stem\.conv\.weight is 8 x 3 x 3 x 3, expected 4 x 3 x 3 x 3"):
        load_weights(build_backbone(NAME, 10), tmp_path / "wider.safetensors", own_classifier=True)
