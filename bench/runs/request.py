"""What one call of ``bench run`` asks for, from the words of its options, typed or given in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch

from bench.errors import BadInput
from bench.runs.plan.suite import Suite
from bench.runs.settings import Execution, Placement, choose_device
from bench.system.options import options_of

EXECUTION = ("device", "compile", "executor", "deterministic", "checkpoint_minutes")
READ = {"loader_workers": "workers", "prefetch": "prefetch"}
"""Options about reading images, and what :class:`bench.data.DataOptions` calls them."""
PLACEMENT = ("engine", "workers", "gpus_per_job", "slurm")


@dataclass(frozen=True)
class Request:
    """What is wanted, before it is known which jobs that makes.

    Attributes:
        options: of a :class:`Suite`, as far as given.
        suite: name or file of a suite, whose options the former override.
        pretrained: folder of shipped networks that are measured as they are.
        members: folders of trained networks that cascades are made of.
        network: a dynamic network of one's own that is measured as it is (:data:`bench.execution.own.Spec`), and its
            weights' file.
        download: whether images that are free are fetched first.
        timing: whether times are taken.
        fresh: whether records are made anew that exist.
        read: ``workers`` that decode images, and the batches that each of them keeps ready (``prefetch``), as given.
    """

    options: Mapping[str, Any]
    suite: str | None = None
    pretrained: Path | None = None
    members: tuple[Path, ...] = ()
    network: tuple[Any, Path | None] | None = None
    data_dir: Path | None = None
    download: bool = False
    timing: bool = True
    fresh: bool = False
    read: Mapping[str, Any] = field(default_factory=dict)
    execution: Execution = field(default_factory=Execution)
    placement: Placement = field(default_factory=Placement)


OTHERS = {one.name for one in fields(Request)} - {"options", "execution", "placement", "read", "network"}


def make_request(words: Mapping[str, Any]) -> Request:
    """The request that ``words`` make: names of options, with underscores, and their values. None: not given.

    Raises:
        BadInput: a word that is no option of ``bench run``.
    """
    given = {name: value for name, value in words.items() if value is not None}
    options = {name: given.pop(name) for name in options_of(Suite) if name in given}
    network = _network(given, options)
    read = {name: given.pop(word) for word, name in READ.items() if word in given}
    execution = {name: given.pop(name) for name in EXECUTION if name in given}
    if "checkpoint_minutes" in execution:
        execution["checkpoint_s"] = 60 * execution.pop("checkpoint_minutes")
    placement = {name: given.pop(name) for name in PLACEMENT if name in given}
    if unknown := set(given) - OTHERS:
        raise BadInput(f"bench run has no option {min(unknown)!r}")
    how = Execution(**execution), Placement(**placement)
    return Request(options, network=network, read=read, execution=how[0], placement=how[1], **given)


def _network(given: dict[str, Any], options: dict[str, Any]) -> tuple[Any, Path | None] | None:
    """A network of one's own and its weights, taken out of ``given``; it is set beside the dense one at least."""
    network, weights = given.pop("network", None), given.pop("weights", None)
    if network is None and weights is not None:
        raise BadInput("--weights are those of a --network; a backbone starts from --backbone-weights")
    if network is not None and not given.keys() & {"suite", "pretrained", "members"}:
        options.setdefault("methods", ("dense",))
    return None if network is None else (network, weights)


def placed(asked: Placement, device: str) -> Placement:
    """Where the jobs of a new run go; what was not said (0) is filled in.

    Raises:
        BadInput: options that do not go together, or a device that is not there.
    """
    engine, workers = asked.engine, asked.workers or 1
    if engine == "inline" and (asked.workers or asked.gpus_per_job):
        raise BadInput("--workers and --gpus-per-job are for --engine local and --engine slurm")
    if engine != "inline" and not asked.workers:
        raise BadInput(f"--engine {engine} needs to know how many jobs may run at once: --workers N")
    if engine != "slurm" and asked.slurm:
        raise BadInput("--slurm is for --engine slurm")
    if engine == "slurm":
        threads, on_cuda = asked.slurm.get("cpus_per_task", 1), device == "cuda"
        if not isinstance(threads, int) or threads < 1:
            raise BadInput(f"--slurm cpus_per_task must be a whole number from 1, not {threads!r}")
    else:
        threads, on_cuda = max(1, torch.get_num_threads() // workers), choose_device(device).type == "cuda"
    return replace(asked, workers=workers, threads=threads, gpus_per_job=asked.gpus_per_job or int(on_cuda))
