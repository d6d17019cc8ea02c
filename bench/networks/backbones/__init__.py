"""Backbones by name, and weights for them from files."""

from bench.networks.backbones.registry import backbone_names, build_backbone, count_outputs, load_weights
from bench.networks.blocks import Backbone, ConvUnit, ResidualBlock

__all__ = [
    "Backbone",
    "ConvUnit",
    "ResidualBlock",
    "backbone_names",
    "build_backbone",
    "count_outputs",
    "load_weights",
]
