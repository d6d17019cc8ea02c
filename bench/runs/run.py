"""What ``bench run`` does, for the command line and for Python."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout
from rich.console import Console

from bench.data import DataSet, download_data
from bench.errors import BadInput
from bench.measurement.latency import too_few_images
from bench.runs.attempt import JobResult, State
from bench.runs.context import Context
from bench.runs.engines import follow, run_jobs
from bench.runs.locks import job_lock
from bench.runs.own import Own
from bench.runs.phases import PHASES, Phase
from bench.runs.phases.timing import Time
from bench.runs.plan.jobs import Job
from bench.runs.plan.written import RUNS
from bench.runs.preflight import check_ahead
from bench.runs.progress import RunProgress
from bench.runs.request import Request, placed
from bench.runs.selection import Selection, select
from bench.runs.settings import Inputs, Settings
from bench.runs.threads import use_threads
from bench.runs.tracked import TrackedProgress
from bench.runs.trackers import Tracker, load_trackers
from bench.system.distributed import all_agree, dismiss, group, launched, rank, world_size
from bench.system.log import log_to

Say = Callable[[str], None]


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        outcomes: one for each job.
    """

    out: Path
    outcomes: list[JobResult]

    @property
    def folders(self) -> list[Path]:
        """Of the jobs that have their records."""
        return [self.out / outcome.job.id for outcome in self.outcomes if outcome.state is not State.FAILED]

    @property
    def failed(self) -> list[JobResult]:
        """What did not come to its end."""
        return [outcome for outcome in self.outcomes if outcome.state is State.FAILED]


def run(request: Request, out: Path, command: str, say: Say, track: Sequence[str] = ()) -> Ended | None:
    """Trains and measures what is asked for; finished records are kept, unfinished ones continued.

    Args:
        command: for the records.
        say: takes lines that somebody should read before the first job starts.
        track: names of trackers that follow the run.

    Returns:
        What became of each job; None in all processes of a torchrun but the first.

    Raises:
        BadInput: the request cannot be done, or no job could, for reasons that the user gave.
        KeyboardInterrupt: with what was kept, where jobs had begun.
    """
    if launched() > 1 and request.placement.engine != "inline":
        engine = request.placement.engine
        raise BadInput(f"torchrun and --engine {engine} are two ways to use several processes: choose one")
    with group(request.execution.device):
        selection = select(request, out)
        if request.execution.device != "cuda":
            use_threads(selection.jobs)
        settings = make_settings(request, selection, out, command)
        if request.download:
            _download(selection.inputs)
        data = settings.inputs.load_data()
        notes = check_ahead(selection.jobs, settings, data)
        own = _own(request, selection, settings, data)
        tracker = load_trackers(track, say) if track else None
        if rank() > 0:
            follow(selection.jobs, PHASES, settings, data)
            return None
        for note in notes:
            say(note)
        if request.fresh:
            _remove([*selection.asked, *([own.job] if own else [])], out)
        try:
            phases = _phases(request.timing, data, say)
            ended = run_selection(selection, phases, settings, data, tracker)
            if own:
                ended = Ended(out, [*ended.outcomes, own.measure(len(phases) > 1, say)])
        except Exception:
            dismiss()
            raise
        dismiss()
        return ended


def run_changed(selection: Selection, request: Request, out: Path, command: str, say: Say) -> Ended:
    """Measures trained networks at another budget or quantised; as :func:`run`, in this process."""
    settings = make_settings(request, selection, out, command)
    data = settings.inputs.load_data()
    return run_selection(selection, _phases(request.timing, data, say), settings, data)


def make_settings(request: Request, selection: Selection, out: Path, command: str) -> Settings:
    """The settings of a new run into ``out``."""
    placement = placed(request.placement, request.execution.device)
    out = out if placement.engine == "inline" else out.resolve()
    folder = out / RUNS / f"{time.time_ns()}-{os.getpid()}"
    return Settings(out, folder, command, selection.inputs, request.execution, placement)


def run_selection(
    selection: Selection, phases: Sequence[Phase], settings: Settings, data: DataSet, tracker: Tracker | None = None
) -> Ended:
    """Brings all jobs to their end, and shows on standard output how far they are."""
    jobs, out = selection.jobs, settings.out
    shown = Console(), jobs, phases, settings.placement.engine == "inline"
    with RunProgress(*shown) if tracker is None else TrackedProgress(*shown, out, tracker) as progress, log_to(out):
        try:
            outcomes = run_jobs(jobs, phases, settings, data, progress)
        except KeyboardInterrupt as signal:
            where = f"interrupted; {os.path.join(out, '')} keeps what is done, and the same command continues behind"
            raise KeyboardInterrupt(f"{where} the last finished epoch") from signal
    ended = Ended(out, outcomes)
    if len(ended.failed) == len(jobs) and all(outcome.bad_input for outcome in ended.failed):
        raise BadInput(ended.failed[0].reason)
    return ended


def _own(request: Request, selection: Selection, settings: Settings, data: DataSet) -> Own | None:
    """The network of one's own that is asked for, tried on an image before anything is trained.

    Raises:
        BadInput: several backbones to set it beside, several processes, or a network that fails.
    """
    if request.network is None:
        return None
    if launched() > 1:
        raise BadInput("torchrun's processes train together, and a --network is not trained: leave torchrun out")
    backbones = sorted({job.backbone for job in selection.jobs})
    if len(backbones) > 1:
        raise BadInput(f"a --network is set beside one backbone, not {', '.join(backbones)}: choose with --backbone")
    if any(job.inference_precision != "float32" for job in selection.jobs):
        raise BadInput("a --network is measured as it is: leave out --inference-precision")
    return Own.beside(selection.jobs[0], *request.network, Context.of(settings, data))


def _download(inputs: Inputs) -> None:
    """Fetches the images; of several processes the first one does."""
    with all_agree():
        if rank() == 0:
            download_data(inputs.dataset, inputs.data_dir)


def _phases(timing: bool, data: DataSet, say: Say) -> Sequence[Phase]:
    """What is done to each job; several processes share the first phase alone."""
    if world_size() > 1:
        return PHASES[:1]
    timed = timing and _can_be_timed(data, say)
    return [phase for phase in PHASES if timed or phase.name != Time.name]


def _can_be_timed(data: DataSet, say: Say) -> bool:
    """Whether there are enough test images to take times; says so where there are not, before anything is trained."""
    reason = too_few_images(len(data.test))
    if reason:
        say(f"bench: no times will be taken: {reason}")
    return not reason


def _remove(jobs: list[Job], out: Path) -> None:
    for job in jobs:
        if (out / job.id).exists():
            try:
                with job_lock(out, job.id):
                    shutil.rmtree(out / job.id, ignore_errors=True)
            except Timeout as error:
                raise BadInput(f"--fresh: {job.id} is being run by another process") from error
