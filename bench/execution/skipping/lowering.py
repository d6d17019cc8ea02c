"""Which skipping form a network takes."""

from __future__ import annotations

from bench.execution.skipping.network import SkippingNetwork
from bench.execution.skipping.stopping import ExitingNetwork, SkippingCascade
from bench.networks.cascade import Cascade
from bench.networks.network import DynamicNetwork


def lower(network: DynamicNetwork | Cascade, precision: str = "float32") -> SkippingNetwork | SkippingCascade:
    """``network`` as it stands, for inference on the device where it lies; ``network`` itself is not changed."""
    if isinstance(network, Cascade):
        return SkippingCascade(network, [lower(member, precision) for member in network.members])
    kind = SkippingNetwork if network.exits is None else ExitingNetwork
    return kind(network, precision)
