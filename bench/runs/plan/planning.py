"""The jobs of suites, each behind the one it starts from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.data import load_source
from bench.methods.identity import source_hash
from bench.methods.interface import Method
from bench.methods.registry import load_method
from bench.networks.backbones import backbone_modules
from bench.recipe import UNTRAINED
from bench.runs.plan.jobs import Job, distinct
from bench.runs.plan.suite import Suite, dense_epochs
from bench.system.files import file_hash

OF_A_START = ("distillation", "fine_tuning_lr")
"""Options that are about the dense network that a method starts from: from an initialisation there is none yet."""


def plan_all(suites: Sequence[Suite]) -> list[Job]:
    """The jobs of several suites, those that they share once."""
    return distinct(job for suite in suites for job in plan(suite))


def asked_for(suites: Sequence[Suite]) -> list[Job]:
    """Those of the jobs of ``suites`` whose methods they name; a dense job may be there for others alone."""
    return distinct(job for suite in suites for job in plan(suite) if job.method in suite.methods)


def plan(suite: Suite) -> list[Job]:
    """The jobs of a suite that was checked, each behind the one it starts from.

    Methods start from ``backbone_weights`` where given, else from the suite's own dense backbone of the same seed. A
    dense job is always among them: with given weights and ``dense`` not asked for, it only evaluates them.
    """
    methods = {name: load_method(name) for name in dict.fromkeys(("dense", *suite.methods))}
    sources = {name: job_source(method, suite.dataset, suite.backbone) for name, method in methods.items()}
    start = file_hash(Path(suite.backbone_weights)) if suite.backbone_weights else ""
    jobs = []
    for seed in suite.seeds:
        dense = _dense_job(suite, seed, start, sources["dense"])
        jobs.append(dense)
        shared: dict[str, Any] = {"seed": seed, "start": start, "start_job": "" if start else dense.id}
        for name, method in methods.items():
            points = suite.points if method.has_points else (None,)
            points = () if name == "dense" else points
            jobs += [_job(suite, method=name, point=point, **shared, **sources[name]) for point in points]
    return jobs


def job_source(method: Method, dataset: str, backbone: str) -> dict[str, Any]:
    """What of a job comes from the source of its method, and from those of a data set or backbone of somebody's."""
    images = load_source(dataset)
    modules = (images.module, *backbone_modules(backbone, images.from_files))
    return {"source": source_hash(method, modules, images.image_size), "method_version": method.info.version}


def _dense_job(suite: Suite, seed: int, start: str, source: dict[str, Any]) -> Job:
    changed = {} if start else {name: UNTRAINED[name] for name in OF_A_START}
    changed["epochs"] = dense_epochs(suite)
    return _job(suite, changed, method="dense", point=None, seed=seed, start=start, **source)


def _job(suite: Suite, changed: dict[str, Any] | None = None, **rest: Any) -> Job:
    """A job of the suite.

    Args:
        changed: options of training that are not the suite's; all count only where a job trains.
        rest: the job's own fields.
    """
    recipe = {name: getattr(suite, name) for name in UNTRAINED} | (changed or {})
    recipe = recipe if recipe["epochs"] else UNTRAINED
    rest |= {"mean": suite.mean or (), "std": suite.std or (), "inference_precision": suite.inference_precision}
    return Job(dataset=suite.dataset, backbone=suite.backbone, **rest, **recipe)
