"""A small network of a method by its name, and a batch to train it with."""

import torch
import torch.nn.functional as F

from bench.methods import Budget, TrainingBatch, load_method
from bench.networks.backbones import build_backbone

IMAGES, LABELS = torch.randn(16, 3, 16, 16, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 10


def batch(progress=0.5):
    return TrainingBatch(IMAGES, LABELS, progress, lambda logits: F.cross_entropy(logits, LABELS, reduction="none"))


def build(name):
    """The network at 0.5, and the one stage that trains it."""
    torch.manual_seed(0)
    method, backbone = load_method(name), build_backbone("resnet8", 10)
    backbone.image_shape = tuple(IMAGES.shape[1:])
    network = method.build(backbone, 0.5)
    (stage,) = method.stages(network, 0.5, Budget(1, pretrained=True))
    return network, stage
