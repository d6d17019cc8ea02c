"""One network of each of timm's families, trained on the digits by methods that run on it.

For ``backbones.py --train``. A whole run each: dense from random initialisation, then the methods on top of it, records
and a report. MACs of test images are compared with what PyTorch's ``FlopCounterMode`` sees in the skipping execution of
the trained network.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bench
from bench.data import load_data
from bench.errors import BadInput
from bench.execution.skipping import lower
from bench.measurement.counting import count_one
from bench.networks.backbones import Backbone, build_backbone
from bench.records import Record, find_records, read_samples

DATASET, POINT, COUNTED = "digits", 0.6, 8
TRAINED = {
    "ResNet": "resnet18-stride16",
    "ResNet, SE": "seresnet18-stride16",
    "ResNeXt": "resnext50_32x4d",
    "RegNet": "regnety_002-stride16",
    "MobileNetV2": "mobilenetv2_100-stride16",
    "MobileNetV3": "mobilenetv3_small_100-stride8",
    "EfficientNet": "tf_efficientnet_lite0-stride16",
    "ConvNeXt": "convnext_atto-stride8",
    "ViT": "vit_tiny_patch16_224-stride8",
    "DeiT": "deit_tiny_patch16_224-stride8",
}
"""Small ones, with strides at which an epoch of 16x16 pixels takes seconds."""
METHODS = {"lcnet": True, "lnet": False, "early_exit": False}
"""And whether a method needs blocks of whose channels it can choose."""


def trained(family: str, out: Path, epochs: int) -> Iterator[dict[str, object]]:
    """The rows of a family's network: dense, and each method that runs on it.

    Args:
        out: where the run lies, in a folder with the network's name.
    """
    name = TRAINED[family]
    runs = out / name
    bench.run(_methods(name), dataset=DATASET, backbone=name, points=(POINT,), epochs=epochs, timing=False, out=runs)
    bench.write_report([runs], runs / "report")
    for folder, record in sorted(find_records([runs]).items(), key=lambda one: one[1].method):
        yield {"family": family, "network": name, **_columns(folder, record), "commit": record.commit}


def _methods(name: str) -> tuple[str, ...]:
    has = blocks_with_channels(build_backbone(name, 10, DATASET)) > 0
    return tuple(method for method, needs_channels in METHODS.items() if has or not needs_channels)


def blocks_with_channels(backbone: Backbone) -> int:
    """Of how many blocks LC-Net can choose channels."""
    try:
        return sum(len(block.inner_norms()) > 0 for block in backbone.blocks)
    except BadInput:  # they belong to groups
        return 0


def _columns(folder: Path, record: Record) -> dict[str, object]:
    return {
        "method": record.method,
        "point": record.point,
        "training": record.stage_epochs,
        "seed": record.seed,
        "top1": f"{record.top1:.1f}",
        "macs_mean": round(record.macs_mean),
        "macs_fraction": f"{record.macs_fraction:.3f}",
        "counted_equal": f"{_equal(folder)} of {COUNTED}",
    }


def _equal(folder: Path) -> int:
    """Of the first test images those whose recorded MACs are the counter's."""
    data = load_data(DATASET, None)
    network = lower(bench.load_network(folder))
    images = data.normalise(data.test.first(COUNTED).images)
    counted = [count_one(network, image[None]) for image in images]
    return sum(macs == own for macs, own in zip(counted, read_samples(folder)["macs"]))
