"""``plan.json`` in the folder of a run: what one call of ``bench run`` wants to have done."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.errors import BadInput
from bench.runs.plan.jobs import Job
from bench.system.files import write_atomically
from bench.system.validation import of_declared_kinds

RUNS, PLAN_FILE, CANCELLED_FILE = "engine", "plan.json", "cancelled"


@dataclass(frozen=True)
class Plan:
    """What one call of ``bench run`` wants to have done: ``plan.json``.

    Attributes:
        phases: names of what it does to each job.
        slurm_jobs: ids of the arrays it submitted.
    """

    engine: str
    workers: int
    command: str
    phases: tuple[str, ...]
    jobs: list[Job]
    slurm_jobs: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        text = json.dumps(asdict(self), indent=1)
        write_atomically(folder / PLAN_FILE, lambda path: path.write_text(text + "\n"))


def read_plans(out: Path) -> dict[Path, Plan]:
    """The plans of all runs into ``out`` that did not come to their end, by their folders, oldest first.

    Raises:
        BadInput: a plan that cannot be read.
    """
    found = {}
    for path in sorted((out / RUNS).glob(f"*/{PLAN_FILE}")):
        try:
            values = _of_today(json.loads(path.read_text()))
            jobs = [Job.read(job) for job in values.pop("jobs")]
            if any(Path(job.id).name != job.id for job in jobs):
                raise ValueError("a job's name leads elsewhere")
            found[path.parent] = of_declared_kinds(Plan(**values, jobs=jobs))
        except FileNotFoundError:
            continue  # Its run has just ended.
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise BadInput(f"{path} is no plan of a run: {error}") from error
    return found


def _of_today(values: dict[str, Any]) -> dict[str, Any]:
    """A plan's values; earlier plans say whether times are taken, and know no other phases."""
    if isinstance(timing := values.pop("timing", None), bool):
        values["phases"] = ("record", "times") if timing else ("record",)
    return values
