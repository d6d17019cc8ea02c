"""What choosing among trained networks for each image could gain, and what gates know of it."""

from bench.zoo.headroom.find import Options, find_headroom

__all__ = ["Options", "find_headroom"]
