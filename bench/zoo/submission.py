"""Whether somebody's records hold: measured again where that can be done, and said where it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.errors import BadInput
from bench.methods import load_method
from bench.records import MODEL_FILE, Record, read_samples
from bench.records.validity import is_timed
from bench.zoo.checking import Load, compare_network, record_differences

VERIFIED, CLAIMED, REFUTED = "verified", "claimed", "refuted"
"""Every prediction and every image's MACs were measured again and agree; could not be; were, and do not agree."""


@dataclass(frozen=True)
class Finding:
    """What became of one submitted record.

    Attributes:
        job: name of its folder.
        standing: ``VERIFIED``, ``CLAIMED`` or ``REFUTED``.
        reasons: why it is not verified; of a verified one, what is claimed all the same: times.
    """

    job: str
    standing: str
    reasons: tuple[str, ...]


def examine(folder: Path, record: Record, load: Load, tier: str) -> Finding:
    """Measures a submitted network again.

    Whatever ``record`` says must be what its images give. That they are what the network gives is checked where the
    network, its method and the test images are at hand. Networks are read as safetensors alone.

    Args:
        load: the data set of a record.
        tier: which images; only the full tier verifies, since images that nobody looked at are claimed.
    """
    try:
        differ = record_differences(record, read_samples(folder))
    except BadInput as error:
        return Finding(folder.name, REFUTED, (str(error),))
    if differ:
        return Finding(folder.name, REFUTED, tuple(differ))
    missing = _missing(folder, record)
    if missing:
        return Finding(folder.name, CLAIMED, (missing,))
    try:
        data = load(record)
    except BadInput as error:
        return Finding(folder.name, CLAIMED, (f"its images are not here: {error}",))
    try:
        said = compare_network(folder, record, data, tier)
    except BadInput as error:
        said = [str(error)]
    if said:
        return Finding(folder.name, REFUTED, tuple(said))
    if tier != "full":
        return Finding(folder.name, CLAIMED, ("only its first images were measured again, and agree",))
    return Finding(folder.name, VERIFIED, ("times are claimed",) if is_timed(record) else ())


def _missing(folder: Path, record: Record) -> str:
    if not (folder / MODEL_FILE).is_file():
        return "its network is not among the files"
    try:
        load_method(record.method)
    except BadInput as error:
        return f"its method is not installed: {error}"
    return ""
