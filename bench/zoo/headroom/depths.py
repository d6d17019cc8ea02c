"""What a gate could know: probes at every depth of the dense backbone."""

from __future__ import annotations

from collections.abc import Sequence

from bench.data import DataSet
from bench.measurement.probes import block_features, macs_before, probe
from bench.report.headroom import Probe
from bench.zoo.headroom.members import Member
from bench.zoo.loading import load_pretrained


def probes_of(cheap: Member, members: Sequence[Member], data: DataSet, remarks: list[str]) -> list[Probe]:
    """Will ``cheap`` be wrong? Asked at every block's input of the dense network of its seed and backbone.

    Probes learn from the validation images and are read on the test images.
    """
    dense = _dense_of(cheap, members)
    if dense is None:
        remarks.append(f"No dense network of the backbone and seed of {cheap.name}: no probes.")
        return []
    network = load_pretrained(dense.folder, dense.record, len(data.classes))
    seen, new = (block_features(network.backbone, data, split) for split in (data.validation, data.test))
    found = []
    for depth, macs in enumerate(macs_before(network.backbone_cost)):
        areas = probe(seen[depth], ~cheap.on_validation.correct, new[depth], ~cheap.test.correct)
        if areas is None:
            remarks.append(f"{cheap.name} is always right, or always wrong, on validation images: no probes.")
            return []
        found.append(Probe(cheap.name, cheap.record.seed, depth, macs / cheap.unit, *areas))
    return found


def _dense_of(cheap: Member, members: Sequence[Member]) -> Member | None:
    def key(member: Member) -> tuple[str, int]:
        return member.record.backbone, member.record.seed

    return next((one for one in members if one.record.method == "dense" and key(one) == key(cheap)), None)
