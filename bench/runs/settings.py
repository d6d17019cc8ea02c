"""What a run tells every process that works for it: options, never tensors; data are loaded where they are needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from bench.data import DataOptions, DataSet, load_data
from bench.errors import BadInput
from bench.records import Record
from bench.runs.phases.job import Context
from bench.runs.plan.suite import Job
from bench.system.distributed import processes
from bench.system.files import write_atomically
from bench.system.validation import of_declared_kinds

RUNS, PLAN_FILE, CANCELLED_FILE = "engine", "plan.json", "cancelled"


class Cancelled(KeyboardInterrupt):
    """Somebody called ``bench cancel``; no ``Exception``, so that no job takes it for a failure of its own."""


@dataclass(frozen=True)
class Settings:
    """Everything but the job that decides how a job is run, in whichever process.

    Attributes:
        folder: ``<out>/engine/<run>``: the plan and, for other engines than ``inline``, what submitit writes.
        shipped: trained networks to measure, see :class:`bench.runs.phases.job.Context`.
        device: ``auto``, ``cpu`` or ``cuda``, of the machine where a job runs.
        workers: at most so many jobs at once.
        threads: of each worker's processor operators.
        data_options: how images of files are read.
        checkpoint_s: see :class:`bench.runs.phases.job.Context`.
    """

    out: Path
    folder: Path
    dataset: str
    data_dir: Path | None
    device: str
    weights: Path | None
    command: str
    shipped: Mapping[str, tuple[Path, Record]]
    compile: bool
    executor: str
    deterministic: bool
    engine: str
    workers: int
    threads: int
    gpus_per_job: int
    data_options: DataOptions = field(default_factory=DataOptions)
    checkpoint_s: float = 600.0

    def load_data(self) -> DataSet:
        return load_data(self.dataset, self.data_dir, self.data_options)

    def context(self, data: DataSet, alone: bool, on_epoch: Callable[[dict], None] = lambda row: None) -> Context:
        """What a job needs in this process.

        Args:
            alone: whether no other job of this run uses the machine meanwhile.
        """
        placement = {
            "engine": self.engine,
            "workers": self.workers,
            "threads": torch.get_num_threads(),
            "gpus_per_job": self.gpus_per_job,
            "alone": alone,
            "processes": processes(),
        }
        return Context(
            out=self.out,
            data=data,
            device=choose_device(self.device),
            weights=self.weights,
            command=self.command,
            shipped=self.shipped,
            compile=self.compile,
            executor=self.executor,
            deterministic=self.deterministic,
            checkpoint_s=self.checkpoint_s,
            placement=placement,
            on_epoch=on_epoch,
        )

    def check_cancelled(self) -> None:
        """Raises Cancelled once ``bench cancel`` was called."""
        if (self.folder / CANCELLED_FILE).exists():
            raise Cancelled


def choose_device(name: str) -> torch.device:
    """The device called ``name``; ``auto`` is CUDA where there is one.

    Raises:
        BadInput: ``cuda`` where there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise BadInput("--device cuda: this machine has no usable CUDA device")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


@dataclass(frozen=True)
class Plan:
    """What one call of ``bench run`` wants to have done: ``plan.json``.

    Attributes:
        slurm_jobs: ids of the arrays it submitted.
    """

    engine: str
    workers: int
    command: str
    timing: bool
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
            values = json.loads(path.read_text())
            jobs = [of_declared_kinds(Job(**job)) for job in values.pop("jobs")]
            if any(Path(job.id).name != job.id for job in jobs):
                raise ValueError("a job's name leads elsewhere")
            found[path.parent] = of_declared_kinds(Plan(**values, jobs=jobs))
        except FileNotFoundError:
            continue  # Its run has just ended.
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise BadInput(f"{path} is no plan of a run: {error}") from error
    return found
