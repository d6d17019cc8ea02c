"""The inference path of any dynamic network that really skips what was decided away."""

from bench.execution.skipping.network import SkippingNetwork, lower

__all__ = ["SkippingNetwork", "lower"]
