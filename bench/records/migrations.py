"""Upgrades of ``record.json`` from older layouts, one version at a time.

A change that older files do not keep raises ``SCHEMA_VERSION`` and adds the step from the version before. A new column
with a default needs none: older records do without. Version 1 is the first, so there is no step yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bench.records.record import SCHEMA_VERSION

Values = dict[str, Any]
UPGRADES: Mapping[int, Callable[[Values], Values]] = {}
"""By the version that a step starts from: what makes the values those of the next version."""


def upgraded(values: Values) -> Values | None:
    """The values as this program's version has them; None where no steps lead there, as from a newer program's."""
    version = values.get("schema_version")
    while version != SCHEMA_VERSION:
        if not isinstance(version, int) or version not in UPGRADES:
            return None
        values = UPGRADES[version](values) | {"schema_version": version + 1}
        version += 1
    return values
