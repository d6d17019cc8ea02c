"""Jobs that make cascades of trained networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.choices import parse_method
from bench.errors import BadInput
from bench.methods import load_method, method_id
from bench.recipe import UNTRAINED
from bench.records import MODEL_FILE, Record, read_record
from bench.runs.plan.defaults import defaults_for
from bench.runs.plan.jobs import Job
from bench.runs.plan.planning import job_source


def read_members(folders: Sequence[Path]) -> dict[str, tuple[Path, Record]]:
    """Folder and record of each member, in order, by the SHA-256 of its network.

    Raises:
        BadInput: fewer than two, one that is no finished job's folder or keeps no network, or different data sets.
    """
    found: dict[str, tuple[Path, Record]] = {}
    for folder in folders:
        record = read_record(folder)
        known = record.details.get("files", {}).get(MODEL_FILE, {}).get("sha256")
        if not isinstance(known, str):
            raise BadInput(f"the record in {folder} does not name its network's file")
        found[known] = folder, record
    if len(found) < 2:
        raise BadInput("--members names two different trained networks or more, the cheapest first")
    if len(names := sorted({record.dataset for _, record in found.values()})) > 1:
        raise BadInput(f"the members of a cascade must know one data set, not {', '.join(names)}")
    return found


def member_jobs(members: Mapping[str, tuple[Path, Record]], options: Mapping[str, Any]) -> list[Job]:
    """One job for each operating point; data set, backbone and seed are those of the last member.

    Args:
        options: of ``bench run``, as given.

    Raises:
        BadInput: an option that is about training, another method, or a point outside (0, 1].
    """
    method, *others = map(method_id, options.get("methods") or ("cascade",))
    if others or parse_method(method)[0] != "cascade":
        raise BadInput("--members is for --methods cascade alone")
    if senseless := [name for name in options if name not in ("methods", "points")]:
        raise BadInput(f"--members makes cascades of trained networks: leave out --{senseless[0].replace('_', '-')}")
    _, last = list(members.values())[-1]
    defaults = defaults_for(last.dataset)
    for point in options.get("points") or defaults.points:
        if not 0 < point <= 1:
            raise BadInput(f"an operating point is a fraction of the dense MACs in (0, 1], not {point:g}")
    return [_job(method, last, float(point), tuple(members)) for point in options.get("points") or defaults.points]


def _job(method: str, last: Record, point: float, members: tuple[str, ...]) -> Job:
    return Job(
        method=method,
        dataset=last.dataset,
        backbone=last.backbone,
        point=point,
        seed=last.seed,
        members=members,
        **UNTRAINED,
        **job_source(load_method(method), last.dataset, last.backbone),
    )
