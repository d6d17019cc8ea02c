"""What ``bench run`` does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from filelock import Timeout
from rich.console import Console

from bench.cli.command_line import typed_command
from bench.cli.options import make_placement, make_settings, slurm_parameters
from bench.cli.terminal import table_console
from bench.data import DataOptions, DataSet
from bench.data.recorded import data_options
from bench.errors import BadInput, CheckFailed
from bench.measurement.latency import too_few_images
from bench.networks.backbones import count_outputs
from bench.records import finished_jobs, read_record
from bench.report import write_report
from bench.report.tables import console_table
from bench.runs.attempt import Outcome, State
from bench.runs.engines import follow, run_jobs
from bench.runs.locks import job_lock
from bench.runs.phases import PHASES, Phase
from bench.runs.phases.timing import Time
from bench.runs.plan.jobs import Job, distinct
from bench.runs.plan.members import member_jobs, read_members
from bench.runs.plan.planning import asked_for, plan_all
from bench.runs.plan.shipped import choose_shipped, pretrained_job, tuned_job
from bench.runs.plan.suite import Suite, check_suite
from bench.runs.plan.suite_file import load_suite
from bench.runs.preflight import check_ahead
from bench.runs.progress import RunProgress
from bench.runs.settings import Execution, Inputs, Settings
from bench.runs.threads import use_threads
from bench.system import resources
from bench.system.distributed import agreed, dismiss, group, launched, processes, rank, tell
from bench.system.log import log_to
from bench.zoo.loading import find_pretrained
from bench.zoo.location import shipped_folder

TIMM, REPORT = "timm", "report"


def run(
    suite_name, pretrained, members, data_dir, device, compile_, executor, deterministic, timing, out, fresh,
    engine, workers, gpus_per_job, slurm, loader_workers, prefetch, checkpoint_minutes, **options,
) -> None:  # fmt: skip
    """Trains and measures METHODS beside their dense backbone; finished records are kept, unfinished ones continued."""
    given = {key: value for key, value in options.items() if value is not None}
    parameters = slurm_parameters(slurm)
    if launched() > 1 and engine != "inline":
        raise BadInput(f"torchrun and --engine {engine} are two ways to use several processes: choose one")
    with group(device):
        weights, shipped = None, {}
        if members:
            if pretrained is not None or suite_name is not None:
                raise BadInput("--members goes with neither --pretrained nor --suite")
            shipped = read_members([folder.absolute() for folder in members])
            jobs = anew = member_jobs(shipped, given)
            last = shipped[jobs[0].members[-1]][1]
            dataset, read = last.dataset, data_options(last)
        elif pretrained is None:
            suites = _suites(suite_name, given, out)
            dataset, start, jobs = suites[0].dataset, suites[0].backbone_weights, plan_all(suites)
            anew = asked_for(suites) if fresh else []
            weights = Path(start).absolute() if start else None
            read = _data_options(suites[0], weights)
        else:
            if suite_name is not None:
                raise BadInput("--pretrained measures networks as they are, --suite says what to train: choose one")
            found = choose_shipped(find_pretrained(shipped_folder(pretrained).absolute()), given)
            first = next(iter(found.values()))
            dataset, read = first.dataset, data_options(first)
            named = [(pretrained_job(record), (folder, record)) for folder, record in found.items()]
            # A network may be shipped in several folders: the first one stands for all.
            jobs = anew = distinct(job for job, _ in named)
            shipped = {job.id: one for job, one in reversed(named)}
        if device != "cuda":
            use_threads(jobs)
        read = replace(read, workers=loader_workers, prefetch=prefetch)
        settings = make_settings(
            out,
            typed_command(click.get_current_context()),
            Inputs(dataset, data_dir and data_dir.absolute(), weights, shipped, read),
            Execution(device, compile_, executor, deterministic, 60 * checkpoint_minutes),
            make_placement(engine, workers, gpus_per_job, parameters, device),
        )
        data = settings.inputs.load_data()
        notes = check_ahead(jobs, settings, data)
        if rank() > 0:
            follow(jobs, PHASES, settings, data)
            return
        for note in notes:
            click.echo(note, err=True)
        if fresh:
            _remove(anew, out)
        try:
            _run(jobs, _phases(timing, data), settings, data)
        except Exception:
            dismiss()
            raise
        dismiss()


def tune(job: Path, budget: float | None, ms: float | None, data_dir, device, executor, timing, out) -> None:
    """Sets a trained network to a budget and measures it."""
    if (budget is None) == (ms is None):
        raise BadInput("say what one image may cost: --budget 0.5 (of the dense MACs) or --ms 0.4")
    record = read_record(job)
    tuned = tuned_job(record, *((budget, "macs") if ms is None else (ms, "ms")))
    shipped = {tuned.id: (job.absolute(), record)}
    settings = make_settings(
        out,
        typed_command(click.get_current_context()),
        Inputs(record.dataset, data_dir and data_dir.absolute(), None, shipped, data_options(record)),
        Execution(device, executor=executor),
        make_placement("inline", None, None, {}, device),
    )
    data = settings.inputs.load_data()
    _run([tuned], _phases(timing, data), settings, data)


def _phases(timing: bool, data: DataSet) -> Sequence[Phase]:
    """What is done to each job; several processes share the first phase alone."""
    if processes() > 1:
        return PHASES[:1]
    timed = timing and _can_be_timed(data)
    return [phase for phase in PHASES if timed or phase.name != Time.name]


def _run(jobs: list[Job], phases: Sequence[Phase], settings: Settings, data: DataSet) -> None:
    """Brings all jobs to their end and says what became of them."""
    console, out = Console(), settings.out
    with RunProgress(console, jobs, phases, settings.placement.engine == "inline") as progress, log_to(out):
        try:
            outcomes = run_jobs(jobs, phases, settings, data, progress)
        except KeyboardInterrupt as signal:
            where = f"interrupted; {os.path.join(out, '')} keeps what is done, and the same command continues behind"
            raise click.Abort(f"{where} the last finished epoch") from signal
    failed = [outcome for outcome in outcomes if outcome.state is State.FAILED]
    if len(failed) == len(jobs) and all(outcome.bad_input for outcome in failed):
        raise BadInput(failed[0].reason)
    _summarise(jobs, failed, out)


def _can_be_timed(data: DataSet) -> bool:
    """Whether there are enough test images to take times; says so where there are not, before anything is trained."""
    reason = too_few_images(len(data.test))
    if reason:
        click.echo(f"bench: no times will be taken: {reason}", err=True)
    return not reason


def _suites(name: str | None, given: dict, out: Path) -> list[Suite]:
    if name is None and "methods" not in given:
        raise BadInput(
            "say what to run: --methods lcnet,skipnet (see `bench list methods`), --suite quick, --pretrained"
        )
    suites = [check_suite(Suite(**given))] if name is None else load_suite(name, given)
    return [_with_file(suite, out) for suite in suites]


def _with_file(suite: Suite, out: Path) -> Suite:
    """The suite with a file of weights where it asks for timm's; the first process downloads it."""
    if suite.backbone_weights != TIMM:
        return suite
    if suite.dataset != "imagenet":
        raise BadInput(f"--backbone-weights timm is for imagenet, not {suite.dataset}")
    from bench.networks.backbones.imagenet import download  # timm takes its time

    with agreed():
        path = download(suite.backbone, out / "weights") if rank() == 0 else None
    return replace(suite, backbone_weights=str(tell(path) if processes() > 1 else path))


def _data_options(suite: Suite, weights: Path | None) -> DataOptions:
    outputs = count_outputs(weights) if weights and suite.dataset == "imagenet" else None
    return DataOptions(suite.backbone, outputs, suite.train_size, mean=suite.mean or (), std=suite.std or ())


def _remove(jobs: list[Job], out: Path) -> None:
    for job in jobs:
        if (out / job.id).exists():
            try:
                with job_lock(out, job.id):
                    shutil.rmtree(out / job.id, ignore_errors=True)
            except Timeout as error:
                raise BadInput(f"--fresh: {job.id} is being run by another process") from error


def _summarise(jobs: list[Job], failed: list[Outcome], out: Path) -> None:
    """The table of this run, the report on the whole folder, where everything lies, and last what failed."""
    console, without = table_console(), {outcome.job.id for outcome in failed}
    if folders := [out / job.id for job in jobs if job.id not in without]:
        console.print(console_table([read_record(folder) for folder in folders]))
        for path in _report(folders, out):
            console.print(f"{path}", soft_wrap=True, highlight=False, markup=False)
        if text := resources.line(read_record(folder).details.get("resources", {}) for folder in folders):
            console.print(text, soft_wrap=True, highlight=False, markup=False)
    console.print(f"records: {os.path.join(out, '')}", soft_wrap=True, highlight=False, markup=False)
    for outcome in failed:
        console.print(f"FAILED {outcome.job.id}: {outcome.reason}", soft_wrap=True, highlight=False, markup=False)
    if failed:
        raise CheckFailed(f"{len(failed)} of {len(jobs)} jobs failed; the others are done and kept")


def _report(folders: list[Path], out: Path) -> list[Path]:
    """Reports on all finished jobs in ``out``; where these cannot stand together, on ``folders``, and says why."""
    finished = sorted({*finished_jobs(out), *folders})
    if len(finished) == len(folders):
        return write_report(folders, out / REPORT, formats=("md", "csv"))
    try:
        files = write_report(finished, out / REPORT, formats=("md", "csv"))
        click.echo(f"{out / REPORT} is about all {len(finished)} finished jobs in {out}; this run named {len(folders)}")
        return files
    except BadInput as error:
        click.echo(f"{out / REPORT} is about this run alone, not about all of {out}: {error}", err=True)
        return write_report(folders, out / REPORT, formats=("md", "csv"))
