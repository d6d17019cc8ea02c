"""The inference path of any dynamic network that really skips what was decided away."""

from bench.execution.skipping.lowering import lower
from bench.execution.skipping.network import SkippingNetwork
from bench.execution.skipping.stopping import ExitingNetwork, SkippingCascade

__all__ = ["ExitingNetwork", "SkippingCascade", "SkippingNetwork", "lower"]
