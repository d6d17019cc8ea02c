"""``bench.run``: what the command does, for Python."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.errors import BadInput, CheckFailed
from bench.records import read_record
from bench.records.collection import Records
from bench.runs.request import make_request
from bench.runs.run import run as run_request

LOG = logging.getLogger(__name__)
PATHS = ("pretrained", "data_dir", "weights")


def run(
    methods: str | Sequence[str] | None = None, *, out: str | Path = "runs", track: Sequence[str] = (), **options: Any
) -> Records:
    """Trains and measures methods beside their dense backbone; finished records are kept, unfinished ones continued.

    Args:
        methods: one name or several, with choices in brackets where wanted.
        out: where the records lie; the same folder again continues there.
        track: names of trackers that follow the run: ``tensorboard``, ``mlflow``, ``wandb``, or a package's own.
        options: those of ``bench run`` in the same words, with underscores: ``dataset``, ``points``, ``seeds``,
            ``epochs``, ``suite``, ``pretrained``, ``members``, ``timing``, ``fresh``, ``device``, ``engine``,
            ``workers``, ... Lists are tuples or lists, ``slurm`` is a mapping; ``network`` may also
            be a function of the number of classes, or the network itself.

    Returns:
        The records of all jobs. Of a torchrun's processes only the first one gets them.

    Raises:
        BadInput: what was given cannot be used.
        CheckFailed: jobs failed; those that did not are done and kept in ``out``.
    """
    several = (methods,) if isinstance(methods, str) else methods
    words = options | {"methods": None if several is None else tuple(several)}
    if not isinstance(words.get("backbone"), str | None):
        raise BadInput(
            f"a backbone is given by its name, not as a {type(words['backbone']).__name__}: register a function that "
            "makes it as an entry point bench.backbones, or measure a network as it is with network="
        )
    words |= {name: Path(words[name]) for name in PATHS if words.get(name) is not None}
    if words.get("members") is not None:
        words["members"] = tuple(map(Path, words["members"]))
    ended = run_request(make_request(words), Path(out), "bench.run", LOG.warning, track)
    if ended is None:
        return Records()
    if failed := ended.failed:
        reasons = "; ".join(f"{outcome.job.id}: {outcome.reason}" for outcome in failed)
        raise CheckFailed(f"{len(failed)} of {len(ended.outcomes)} jobs failed: {reasons}")
    return Records(map(read_record, ended.folders))
