"""The inference path of any dynamic network that really skips what was decided away."""

from bench.dynamic.skipping.network import SkippingNetwork, skip

__all__ = ["SkippingNetwork", "skip"]
