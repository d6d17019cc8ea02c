"""Networks that decide for each sample what to run, and what that costs."""

from bench.networks.blocks import Backbone, ConvUnit, ResidualBlock, SelfGatedUnit
from bench.networks.cost import BackboneCost, SampleCost, count_backbone
from bench.networks.decisions import BlockDecision, ChannelDecision, LayerDecision, Output, UnitDecision
from bench.networks.gates import is_open, relu1, straight_through
from bench.networks.network import DynamicNetwork
from bench.networks.router import FoldedGates, GateCost, Router

__all__ = [
    "Backbone",
    "BackboneCost",
    "BlockDecision",
    "ChannelDecision",
    "ConvUnit",
    "DynamicNetwork",
    "FoldedGates",
    "GateCost",
    "LayerDecision",
    "Output",
    "ResidualBlock",
    "Router",
    "SampleCost",
    "SelfGatedUnit",
    "UnitDecision",
    "count_backbone",
    "is_open",
    "relu1",
    "straight_through",
]
