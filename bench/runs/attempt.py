"""Does a phase of a job at most once: takes the job's lock, skips what is done, records why it failed."""

from __future__ import annotations

import datetime
import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

from filelock import Timeout

from bench.data.recorded import require_same_data
from bench.errors import BadInput
from bench.records import RECORD_FILE, has_whole_record, read_record
from bench.runs.context import Context
from bench.runs.failure import FAILURE_FILE, JobFailure, read_failure
from bench.runs.locks import has_lock, job_lock
from bench.runs.phases import Phase, makes_record
from bench.runs.plan.jobs import Job
from bench.system.distributed import world_size
from bench.system.files import remove_unfinished, write_atomically
from bench.training.checkpoint import has_checkpoints, remove_checkpoints

LOG = logging.getLogger(__name__)


class State(Enum):
    """How an attempt ended."""

    KEPT = "kept"
    """It was done before."""
    DONE = "done"
    FAILED = "failed"
    TAKEN = "taken"
    """Another live process works on it, or on the job that it starts from: try again later."""


@dataclass(frozen=True)
class JobResult:
    """How an attempt at ``job`` ended; ``reason`` says why where it did not succeed, on one line.

    Attributes:
        bad_input: whether it failed because of what the user gave; if not, something broke.
    """

    job: Job
    state: State
    reason: str = ""
    bad_input: bool = False


def attempt(job: Job, phase: Phase, context: Context) -> JobResult:
    """Does one phase of ``job`` unless it is done or another live process holds the job.

    Jobs that others start from come first. A job without a record is kept as it is by all phases but the first.

    Returns:
        What became of it. Whatever is wrong with this one job is an outcome and no exception, so that others go on;
        its reason is also in ``failure.json`` where the record would be.
    """
    if _is_kept(job, phase, context.out):
        return _kept(job, phase, context)
    try:
        if waiting := _waits(job, context.out):
            return waiting if waiting.state is State.TAKEN else _failed(job, context, BadInput(waiting.reason))
        with job_lock(context.out, job.id):
            # Another process may have finished it since the first look.
            return (_kept if _is_kept(job, phase, context.out) else _run)(job, phase, context)
    except Timeout:
        return JobResult(job, State.TAKEN, f"{job.id} is being run by another process")
    except (OSError, BadInput) as error:
        return _failed(job, context, error)


def _is_kept(job: Job, phase: Phase, out: Path) -> bool:
    folder = out / job.id
    return (not makes_record(phase) and not has_whole_record(folder)) or phase.is_done(folder)


def _kept(job: Job, phase: Phase, context: Context) -> JobResult:
    """A record of other images under the same name is not this job's."""
    try:
        if makes_record(phase):
            require_same_data(read_record(context.out / job.id), context.data)
    except BadInput as error:
        return JobResult(job, State.FAILED, str(error), bad_input=True)
    _tidy(job, context.out)
    return JobResult(job, State.KEPT)


def _tidy(job: Job, out: Path) -> None:
    """Removes what a process leaves that was ended just behind the record: checkpoints, a lock."""
    if not has_lock(out, job.id) and not has_checkpoints(out / job.id):
        return
    with suppress(Timeout, OSError, BadInput), job_lock(out, job.id):
        remove_checkpoints(out / job.id)


def _run(job: Job, phase: Phase, context: Context) -> JobResult:
    folder = context.out / job.id
    (folder / FAILURE_FILE).unlink(missing_ok=True)
    remove_unfinished(folder)
    LOG.info("%s: %s", job.id, phase.name)
    try:
        phase.run(job, context)
    except Exception as error:
        outcome = _failed(job, context, error)
        if world_size() > 1 and not _expected(error):
            raise  # The others do not know of it and would wait forever; torchrun ends them with this one.
        return outcome
    LOG.info("%s is %s", job.id, phase.past)
    return JobResult(job, State.DONE)


def _waits(job: Job, out: Path) -> JobResult | None:
    """Whether the job that ``job`` starts from is missing: still in another process's hands, or failed."""
    start = out / job.start_job
    if not job.start_job or (start / RECORD_FILE).exists():
        return None
    try:
        with job_lock(out, job.start_job):
            if (start / RECORD_FILE).exists():
                return None
            failure = read_failure(start)
    except Timeout:
        return JobResult(job, State.TAKEN, f"{job.start_job}, which it starts from, is being run by another process")
    why = f"failed: {failure.reason}" if failure else "has no record"
    return JobResult(job, State.FAILED, f"its start {job.start_job} {why}", bad_input=True)


def _failed(job: Job, context: Context, error: Exception) -> JobResult:
    return record_failure(job, context.out, context.settings.command, error)


def record_failure(job: Job, out: Path, command: str, error: Exception) -> JobResult:
    """Writes why ``job`` failed where its record would be; returns that it did."""
    reason = _one_line(error)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    failure = JobFailure(reason, type(error).__name__, now, command)
    LOG.error("%s failed: %s", job.id, reason, exc_info=None if _expected(error) else error)
    folder = out / job.id
    # Where the disk is full the reason is still told, if not kept.
    with suppress(OSError, BadInput):
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(failure), indent=1)
        write_atomically(folder / FAILURE_FILE, lambda path: path.write_text(text + "\n"))
    return JobResult(job, State.FAILED, reason, bad_input=_expected(error))


def _expected(error: Exception) -> bool:
    return isinstance(error, (BadInput, OSError))


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or 'system'}: {error.strerror or error}"
    text = " ".join(str(error).split())
    return text if isinstance(error, BadInput) else f"{type(error).__name__}: {text}"
