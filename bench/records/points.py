"""When a network meets its operating point: what chooses an epoch, and what tables mark.

A file of its own, since it is part of every job's id.
"""

from __future__ import annotations

POINT_TOLERANCE, RELATIVE_TOLERANCE = 0.03, 0.1
"""How far from its operating point a network may land: this fraction of the dense MACs, or this share of the point."""


def point_tolerance(point: float) -> float:
    """Largest distance at which ``point``, a fraction of the dense MACs, counts as met.

    The smaller of both tolerances: at 0.01, four times the point would be within 0.03 of it.
    """
    return min(POINT_TOLERANCE, RELATIVE_TOLERANCE * point)


def misses_point(fraction: float, point: float | None) -> bool:
    """Whether MACs that are ``fraction`` of the dense backbone's are too far from the operating point asked for."""
    return point is not None and abs(fraction - point) > point_tolerance(point)
