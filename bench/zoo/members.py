"""Cascades of networks that were trained by other jobs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.networks.cascade import Cascade, Member
from bench.records import MODEL_FILE, Record
from bench.zoo.loading import load_pretrained

Found = tuple[Path, Record]
"""A job's folder and its record."""


def cascade_of(found: Sequence[Found], classes: int) -> Cascade:
    """The networks of ``found`` in a row, as they were trained.

    Raises:
        BadInput: a network that cannot be loaded, or that no cascade can be made of.
    """
    networks = [load_pretrained(folder, record, classes) for folder, record in found]
    return Cascade(networks, [Member(record.method, record.point, record.backbone) for _, record in found])


def describe_members(found: Sequence[Found]) -> list[dict[str, Any]]:
    """For a record: which networks they are, and whose epochs they cost."""
    return [
        {
            "method": record.method,
            "point": record.point,
            "backbone": record.backbone,
            "seed": record.seed,
            "job": folder.name,
            "sha256": record.details.get("files", {}).get(MODEL_FILE, {}).get("sha256"),
            "stage_epochs": record.stage_epochs,
            "params": record.params,
            "start": record.details.get("start", ""),
        }
        for folder, record in found
    ]
