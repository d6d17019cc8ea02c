"""Networks that decide for each sample what to run, and what that costs."""

from bench.networks.blocks import Backbone, ConvUnit, ResidualBlock, SelfGatedUnit
from bench.networks.cascade import Cascade, Member
from bench.networks.cost import BackboneCost, SampleCost, count_backbone
from bench.networks.decisions import BlockDecision, ChannelDecision, ExitDecision, LayerDecision, Output, UnitDecision
from bench.networks.ends import require_ends
from bench.networks.exits import Exits, PooledHead, exit_places, map_sizes
from bench.networks.gates import is_open, relu1, straight_through
from bench.networks.network import DynamicNetwork
from bench.networks.positions import require_positions
from bench.networks.router import FoldedGates, GateCost, Router
from bench.networks.stopping import Committee, Entropy, Patience, StopRule
from bench.networks.tokens import require_tokens

__all__ = [
    "Backbone",
    "BackboneCost",
    "BlockDecision",
    "Cascade",
    "ChannelDecision",
    "Committee",
    "ConvUnit",
    "DynamicNetwork",
    "Entropy",
    "ExitDecision",
    "Exits",
    "FoldedGates",
    "GateCost",
    "LayerDecision",
    "Member",
    "Output",
    "Patience",
    "PooledHead",
    "ResidualBlock",
    "Router",
    "SampleCost",
    "SelfGatedUnit",
    "StopRule",
    "UnitDecision",
    "count_backbone",
    "exit_places",
    "is_open",
    "map_sizes",
    "relu1",
    "require_ends",
    "require_positions",
    "require_tokens",
    "straight_through",
]
