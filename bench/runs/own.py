"""A network of one's own among the jobs of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import FunctionType

from bench.data import load_source
from bench.errors import BadInput
from bench.execution.contents import contents_hash
from bench.execution.own import Spec, make_own, own_module, own_name
from bench.methods import load_method
from bench.methods.identity import source_hash
from bench.networks.backbones import backbone_modules
from bench.recipe import UNTRAINED
from bench.records import read_record
from bench.records.validity import result_reasons
from bench.runs.attempt import JobResult, State, attempt
from bench.runs.context import Context
from bench.runs.phases.own import MeasureOwn, TimeOwn, loaded
from bench.runs.plan.jobs import Job
from bench.system.files import file_hash


@dataclass(frozen=True)
class Own:
    """A network of one's own, and the job that measures it in this process."""

    job: Job
    spec: Spec
    weights: Path | None
    context: Context

    @classmethod
    def beside(cls, other: Job, spec: Spec, weights: Path | None, context: Context) -> Own:
        """The network on the data, and beside the backbone, of another job; tried on one validation image.

        Raises:
            BadInput: a name that is taken or none, no file of weights, or a network that fails.
        """
        if weights is not None and not weights.is_file():
            raise BadInput(f"--weights: no file {weights}")
        data = context.data
        make_own(spec, weights, len(data.classes))
        job = _job(spec, weights, other)
        loaded(job, spec, weights, context)(data.normalise(data.validation.first(1).images.to(context.device)))
        return cls(job, spec, weights, context)

    def measure(self, timing: bool, say: Callable[[str], None]) -> JobResult:
        """Verifies, tests and times it; a record that is there is kept.

        Args:
            say: takes a line for each reason not to trust it.
        """
        context = replace(self.context, data=self.context.data.to(self.context.device))
        result = attempt(self.job, MeasureOwn(self.spec, self.weights), context)
        if result.state is State.TAKEN:  # and nothing here waits for the other process
            return replace(result, state=State.FAILED, bad_input=True)
        if timing and result.state is not State.FAILED:
            timed = attempt(self.job, TimeOwn(self.spec, self.weights), context)
            result = timed if timed.state is State.FAILED else result
        if result.state is not State.FAILED:
            for reason in result_reasons(read_record(context.out / self.job.id)):
                say(f"bench: {self.job.method} is INVALID: {reason}")
        return result


def _job(spec: Spec, weights: Path | None, other: Job) -> Job:
    images = load_source(other.dataset)
    modules = (images.module, *backbone_modules(other.backbone, images.from_files), own_module(spec))
    return Job(
        method=own_name(spec),
        dataset=other.dataset,
        backbone=other.backbone,
        point=None,
        seed=0,
        network=_hash(spec, weights),
        source=source_hash(load_method("dense"), modules, images.image_size),
        mean=other.mean,
        std=other.std,
        **UNTRAINED,
    )


def _hash(spec: Spec, weights: Path | None) -> str:
    """Of the weights in a file, and of what an object or a function holds, as a threshold may be in it.

    Empty where a factory, which is named, knows it all.
    """
    held = "" if isinstance(spec, str) or _holds_nothing(spec) else contents_hash(spec)
    if weights is None:
        return held
    return hashlib.sha256(f"{file_hash(weights)} {held}".encode()).hexdigest() if held else file_hash(weights)


def _holds_nothing(spec: object) -> bool:
    return isinstance(spec, FunctionType) and not (spec.__closure__ or spec.__defaults__ or spec.__kwdefaults__)
