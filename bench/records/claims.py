"""Records of networks that ran elsewhere: what somebody claims of them, on the same test images as ours."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd

from bench.choices import METHODS
from bench.choices.entries import LETTERS, NAME
from bench.errors import BadInput
from bench.records.outcomes import read_outcomes
from bench.records.record import SCHEMA_VERSION, Record
from bench.records.samples import SAMPLES_FILE, read_samples
from bench.records.store import find_records, require_recorded_file, write_record
from bench.records.summary import summarise
from bench.records.validity import CLAIMED, is_claimed
from bench.system.files import file_hash, write_atomically


@dataclass(frozen=True)
class Claim:
    """What is said of a network that ran elsewhere.

    Attributes:
        name: what to call it; no method's of ours.
        dataset, backbone: ours that it is set beside; None where the records are about one alone.
        point: the operating point that it was made for.
        epochs: that it was trained for, on top of a dense network.
        params: how many it has.
    """

    name: str
    dataset: str | None = None
    backbone: str | None = None
    point: float | None = None
    seed: int = 0
    epochs: int | None = None
    params: int | None = None

    @property
    def method(self) -> str:
        """The name with the mark that every table, plot and file shows."""
        return f"{self.name} ({CLAIMED})"


def import_outcomes(file: str | Path, claim: Claim, out: str | Path = "runs", command: str = "") -> Path:
    """Makes a record of outcomes from elsewhere, beside the records in ``out`` that are about the same images.

    Args:
        file: CSV with a line for each test image, see :mod:`bench.records.outcomes`.
        out: folder of records. Theirs are the images, their labels and the dense backbone's MACs.
        command: for the record.

    Returns:
        The folder of the new record.

    Raises:
        BadInput: a name that is taken or none; no records, or several data sets or backbones to choose from; a file
            that does not hold the outcomes of the images.
    """
    file, out = Path(file), Path(out)
    records = find_records([out])
    _require_name(claim)
    folder, beside = _beside(claim, records, out)
    _require_free(claim, beside, records.values())
    require_recorded_file(folder, SAMPLES_FILE, beside)
    images = read_samples(folder)[["index", "label"]]
    outputs = (beside.details.get("data") or {}).get("outputs")
    samples = read_outcomes(file, images, outputs or int(images["label"].max()) + 1)
    if not samples["macs"].any():
        raise BadInput(f"{file} claims that no image costs anything")
    record = _record(claim, samples, beside, _told(file, folder.name, samples), command)
    point = "" if claim.point is None else f"-p{claim.point:g}"
    name = f"{claim.name}-{beside.dataset}-{beside.backbone}{point}-s{claim.seed}-{file_hash(file)[:10]}"
    (out / name).mkdir(exist_ok=True)
    write_atomically(out / name / SAMPLES_FILE, lambda path: samples.to_parquet(path, index=False))
    write_record(out / name, record)
    return out / name


def _require_name(claim: Claim) -> None:
    if not NAME.fullmatch(claim.name):
        raise BadInput(f"{claim.name!r} is no name for outcomes: {LETTERS}")
    if claim.name in METHODS.names():
        raise BadInput(f"{claim.name} is a method of ours: call the outcomes by another name")
    if claim.point is not None and not 0 < claim.point <= 1:
        raise BadInput(f"an operating point is a fraction of the dense MACs in (0, 1], not {claim.point:g}")


def _require_free(claim: Claim, beside: Record, records: Iterable[Record]) -> None:
    same = (claim.method, beside.dataset, beside.backbone, claim.point, claim.seed)
    if any((one.method, one.dataset, one.backbone, one.point, one.seed) == same for one in records):
        raise BadInput(f"{claim.name} is there already: choose another name, or another point or seed")


def _beside(claim: Claim, records: dict[Path, Record], out: Path) -> tuple[Path, Record]:
    """The record that the claim is set beside, the dense one where there is one, and its folder."""
    found = {
        folder: record
        for folder, record in records.items()
        if not is_claimed(record)
        and claim.dataset in (None, record.dataset)
        and claim.backbone in (None, record.backbone)
    }
    if not found:
        raise BadInput(f"no records in {out} to set outcomes beside: first make them with `bench run --methods dense`")
    places = sorted({f"{record.dataset} / {record.backbone}" for record in found.values()})
    if len(places) > 1:
        raise BadInput(f"{out} holds records of {', '.join(places)}: choose with --dataset and --backbone")
    return min(found.items(), key=lambda one: (one[1].method != "dense", one[0].name))


def _told(file: Path, beside: str, samples: pd.DataFrame) -> dict[str, Any]:
    """For the record: where the claims come from; times, which are none of ours, stand here alone."""
    told: dict[str, Any] = {"file": file.name, "sha256": file_hash(file), "beside": beside}
    if "milliseconds" in samples:
        times = samples["milliseconds"]
        told |= {f"milliseconds_p{percent}": float(times.quantile(percent / 100)) for percent in (50, 90, 99)}
    return told


def _record(claim: Claim, samples: pd.DataFrame, beside: Record, told: dict[str, Any], command: str) -> Record:
    return Record(
        schema_version=SCHEMA_VERSION,
        method=claim.method,
        dataset=beside.dataset,
        backbone=beside.backbone,
        point=claim.point,
        seed=claim.seed,
        stage_epochs="not known" if claim.epochs is None else f"elsewhere {claim.epochs}",
        macs_backbone=beside.macs_backbone,
        **cast(Any, summarise(samples, beside.macs_backbone)),
        params=claim.params,
        execution=CLAIMED,
        executor="",
        device="elsewhere",
        precision="not known",
        command=command,
        created_utc=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        environment_id=CLAIMED,
        details={
            "claimed": told,
            "data": beside.details.get("data") or {},
            "start": f"{CLAIMED}: outcomes in {told['file']} (SHA-256 {told['sha256'][:12]}); nothing was run here",
        },
    )
