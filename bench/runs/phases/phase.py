"""What a phase is, and which there are.

A phase is one file with a class like :class:`Time`, and an entry in ``PHASES``. Files of phases load torch only when
they run, since ``bench status`` asks them what is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bench.errors import BadInput
from bench.records import has_whole_record
from bench.runs.failure import read_failure
from bench.runs.phases.timing import Time
from bench.runs.phases.training import TrainAndTest
from bench.runs.plan.jobs import Job

if TYPE_CHECKING:
    from bench.runs.context import Context


class Phase(Protocol):
    """Something that is done to every job of a run. The first phase makes the record, the others add to it.

    Attributes:
        name: what it gives.
        past: what progress says of a job that it was done to.
        exclusive: whether it needs the machine to itself.
    """

    name: str
    past: str
    exclusive: bool

    def is_done(self, folder: Path) -> bool:
        """Whether it was done to the job of ``folder``, which has a record unless this is the first phase."""

    def run(self, job: Job, context: Context) -> None:
        """Does it, continuing where an earlier attempt ended.

        Raises:
            BadInput: what the user gave does not allow it.
        """


PHASES: tuple[Phase, ...] = (TrainAndTest(), Time())


def named(names: Iterable[str]) -> tuple[Phase, ...]:
    """The phases of these names, in their order.

    Raises:
        BadInput: one that is not there.
    """
    known = {phase.name: phase for phase in PHASES}
    if unknown := [name for name in names if name not in known]:
        raise BadInput(f"no phase {unknown[0]!r}: choose from {', '.join(known)}")
    return tuple(known[name] for name in names)


def makes_record(phase: Phase) -> bool:
    """Whether it is the first phase."""
    return phase.name == PHASES[0].name


def is_settled(phase: Phase, folder: Path) -> bool:
    """Whether this phase is done or will not be, in this run: something failed."""
    return read_failure(folder) is not None or (has_whole_record(folder) and phase.is_done(folder))
