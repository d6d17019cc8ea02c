"""Backbones by name, and weights for them from files."""

from bench.networks.backbones.registry import backbone_modules, backbone_names, build_backbone
from bench.networks.backbones.weights import count_outputs, foreign_outputs, load_weights, unread_average
from bench.networks.blocks import Backbone, ConvUnit, ResidualBlock

__all__ = [
    "Backbone",
    "ConvUnit",
    "ResidualBlock",
    "backbone_modules",
    "backbone_names",
    "build_backbone",
    "count_outputs",
    "foreign_outputs",
    "load_weights",
    "unread_average",
]
