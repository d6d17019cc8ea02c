"""The jobs that a request makes, and what they read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from bench.data import DataOptions
from bench.data.recorded import data_options
from bench.errors import BadInput
from bench.networks.backbones import count_outputs
from bench.records import read_record
from bench.runs.plan.jobs import Job, distinct
from bench.runs.plan.members import member_jobs, read_members
from bench.runs.plan.planning import asked_for, plan_all
from bench.runs.plan.shipped import choose_shipped, pretrained_job, quantised_job, tuned_job
from bench.runs.plan.suite import Suite, check_suite, reads_files
from bench.runs.plan.suite_file import load_suite
from bench.runs.request import Request
from bench.runs.settings import Inputs
from bench.system.distributed import all_agree, broadcast, rank, world_size
from bench.zoo.loading import find_pretrained
from bench.zoo.location import shipped_folder

TIMM = "timm"
TESTED = ("inference_precision",)
"""Options about how networks are tested, which trained ones take too."""


@dataclass(frozen=True)
class Selection:
    """Jobs, and what they read.

    Attributes:
        asked: those that the request names; others are there since these start from them.
    """

    jobs: list[Job]
    asked: list[Job]
    inputs: Inputs


def select(request: Request, out: Path) -> Selection:
    """What ``request`` is about.

    Args:
        out: of the run; weights that must be downloaded lie there.

    Raises:
        BadInput: options that do not go together, or of which no job can be made.
    """
    if request.members:
        if request.pretrained is not None or request.suite is not None:
            raise BadInput("--members goes with neither --pretrained nor --suite")
        found = _of_members(request)
    elif request.pretrained is None:
        found = _of_suites(request, out)
    else:
        if request.suite is not None:
            raise BadInput("--pretrained measures networks as they are, --suite says what to train: choose one")
        found = _of_shipped(request)
    read = replace(found.inputs.data_options, **request.read)
    data_dir = request.data_dir and request.data_dir.absolute()
    return replace(found, inputs=replace(found.inputs, data_dir=data_dir, data_options=read))


def select_tuned(folder: Path, budget: float | None, ms: float | None, data_dir: Path | None) -> Selection:
    """The trained network of ``folder`` at another budget.

    Args:
        budget: of MACs, a fraction of the dense ones.
        ms: of time, milliseconds of one image.

    Raises:
        BadInput: none of them or both, or a record that cannot be read.
    """
    if (budget is None) == (ms is None):
        raise BadInput("say what one image may cost: --budget 0.5 (of the dense MACs) or --ms 0.4")
    record = read_record(folder)
    job = tuned_job(record, cast(float, ms), "ms") if budget is None else tuned_job(record, budget, "macs")
    shipped = {job.id: (folder.absolute(), record)}
    inputs = Inputs(record.dataset, data_dir and data_dir.absolute(), None, shipped, data_options(record))
    return Selection([job], [job], inputs)


def select_quantised(folders: Sequence[Path], data_dir: Path | None) -> Selection:
    """The trained networks of ``folders``, quantised.

    Raises:
        BadInput: records that cannot be read, or of several data sets.
    """
    found = {folder.absolute(): read_record(folder) for folder in folders}
    if len({(record.dataset, data_options(record)) for record in found.values()}) > 1:
        raise BadInput("networks that are quantised together must read the same images in the same way")
    shipped = {quantised_job(record).id: (folder, record) for folder, record in found.items()}
    jobs = distinct(quantised_job(record) for record in found.values())
    first = next(iter(found.values()))
    inputs = Inputs(first.dataset, data_dir and data_dir.absolute(), None, shipped, data_options(first))
    return Selection(jobs, jobs, inputs)


def _of_members(request: Request) -> Selection:
    shipped = read_members([folder.absolute() for folder in request.members])
    options, tested = _without_tests(request.options)
    jobs = [replace(job, **tested) for job in member_jobs(shipped, options)]
    last = shipped[jobs[0].members[-1]][1]
    return Selection(jobs, jobs, Inputs(last.dataset, shipped=shipped, data_options=data_options(last)))


def _of_shipped(request: Request) -> Selection:
    options, tested = _without_tests(request.options)
    found = choose_shipped(find_pretrained(shipped_folder(cast(Path, request.pretrained)).absolute()), options)
    first = next(iter(found.values()))
    named = [(replace(pretrained_job(record), **tested), (folder, record)) for folder, record in found.items()]
    # A network may be shipped in several folders: the first one stands for all.
    jobs = distinct(job for job, _ in named)
    shipped = {job.id: one for job, one in reversed(named)}
    return Selection(jobs, jobs, Inputs(first.dataset, shipped=shipped, data_options=data_options(first)))


def _without_tests(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options that are not about tests, and those that are."""
    return {n: v for n, v in options.items() if n not in TESTED}, {n: v for n, v in options.items() if n in TESTED}


def _of_suites(request: Request, out: Path) -> Selection:
    suites = [_with_file(suite, out) for suite in _suites(request)]
    dataset, start = suites[0].dataset, suites[0].backbone_weights
    weights = Path(start).absolute() if start else None
    asked = asked_for(suites) if request.fresh else []
    inputs = Inputs(dataset, weights=weights, data_options=_data_options(suites[0], weights))
    return Selection(plan_all(suites), asked, inputs)


def _suites(request: Request) -> list[Suite]:
    if request.suite is not None:
        return load_suite(request.suite, request.options)
    if "methods" not in request.options:
        raise BadInput(
            "say what to run: --methods lcnet,skipnet (see `bench list methods`), --suite quick, --pretrained"
        )
    return [check_suite(Suite(**request.options))]


def _with_file(suite: Suite, out: Path) -> Suite:
    """The suite with a file of weights where it asks for timm's; the first process downloads it."""
    if suite.backbone_weights != TIMM:
        return suite
    if not reads_files(suite.dataset):
        raise BadInput(f"--backbone-weights timm is for images in files, not {suite.dataset}")
    from bench.networks.backbones.imagenet import download  # timm takes its time

    with all_agree():
        path = download(suite.backbone, out / "weights") if rank() == 0 else None
    return replace(suite, backbone_weights=str(broadcast(path) if world_size() > 1 else path))


def _data_options(suite: Suite, weights: Path | None) -> DataOptions:
    outputs = count_outputs(weights) if weights and reads_files(suite.dataset) else None
    return DataOptions(suite.backbone, outputs, suite.train_size, mean=suite.mean or (), std=suite.std or ())
