"""Several processes that train one network together, as ``torchrun`` starts them."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import torch
import torch.distributed as dist

# Loaded later, as optimisers do, its functions' defaults would keep the group beyond its context, and gloo's threads
# would hold Python's objects while the interpreter ends: now and then an abort.
import torch.distributed.nn.functional
from torch import Tensor

from bench.errors import BadInput

Item = TypeVar("Item")
PATIENCE = datetime.timedelta(days=1)
"""One process may write, wait for a lock or decode for long; a dead one is noticed by torchrun."""
MEETING_S, ATTEMPT, LOOK_S = 120.0, datetime.timedelta(seconds=5), 0.1
"""All must have started within the first; a signal ends the wait for them between attempts and looks."""


@dataclass(frozen=True)
class Shard:
    """One of ``parts`` equal, contiguous parts of every batch."""

    part: int = 0
    parts: int = 1

    def of(self, size: int) -> slice:
        """Its rows of a batch of ``size``, a multiple of ``parts``."""
        each = size // self.parts
        return slice(self.part * each, (self.part + 1) * each)


WHOLE = Shard()


def world_size() -> int:
    """How many there are; 1 outside of :func:`group`."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0. The first one writes records and speaks."""
    return dist.get_rank() if dist.is_initialized() else 0


def launched() -> int:
    """How many processes torchrun started, this one among them; 1 without it.

    WORLD_SIZE and RANK alone mean nothing: job scripts and platforms set them for other programs.

    Raises:
        BadInput: torchrun's variables, but no number of processes among them.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return 1
    try:
        return int(os.environ["WORLD_SIZE"])
    except (KeyError, ValueError):
        raise BadInput("TORCHELASTIC_RUN_ID is set, but WORLD_SIZE is no number: unset both, or use torchrun") from None


@contextmanager
def group(device: str) -> Iterator[None]:
    """Within this context the processes are connected: over gloo, and on GPUs, one for each process, over NCCL.

    Args:
        device: ``cpu``, ``cuda`` or ``auto``, as on the command line.

    Raises:
        BadInput: more processes than GPUs, or the others do not come.
    """
    if launched() == 1:
        yield
        return
    on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    if on_gpu:
        local = int(os.environ.get("LOCAL_RANK", 0))
        if local >= torch.cuda.device_count():
            raise BadInput(f"each process needs a GPU of its own, here are {torch.cuda.device_count()}")
        torch.cuda.set_device(local)
    store, number, count = _meet()
    backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
    dist.init_process_group(backend, store=store, rank=number, world_size=count, timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def _meet() -> tuple[dist.Store, int, int]:
    """What the processes talk through once all have come, this one's number, and how many they are."""
    deadline = time.monotonic() + MEETING_S
    store, number, count = _store(deadline)
    store.set(f"here/{number}", "")
    while missing := [other for other in range(count) if not store.check([f"here/{other}"])]:
        if time.monotonic() > deadline:
            raise BadInput(f"{len(missing)} of {count} processes of torchrun did not come within {MEETING_S:g} s")
        time.sleep(LOOK_S)
    store.set_timeout(PATIENCE)
    return store, number, count


def _store(deadline: float) -> tuple[dist.Store, int, int]:
    while True:
        try:
            return next(dist.rendezvous("env://", timeout=ATTEMPT))
        except (RuntimeError, ValueError, OSError) as error:
            if time.monotonic() > deadline or isinstance(error, ValueError):
                why = " ".join(str(error).split())[:120]
                raise BadInput(
                    f"TORCHELASTIC_RUN_ID is set, but no torchrun answers ({why}): unset it, or use torchrun"
                ) from error


def call(name: str) -> None:
    """The first process lets the others do ``name`` with it; see :func:`calls`."""
    if world_size() > 1 and rank() == 0:
        broadcast(name)


def calls() -> Iterator[str]:
    """In the other processes: what the first one calls for, until it is done."""
    while (name := broadcast()) is not None:
        yield name


def dismiss() -> None:
    """The first process has nothing more to be done."""
    if world_size() > 1 and rank() == 0:
        broadcast(None)


def broadcast(value: Any = None) -> Any:
    """What the first process passes, in all processes."""
    values = [value]
    dist.broadcast_object_list(values)
    return values[0]


def all_reduce(tensor: Tensor) -> None:
    """Sums ``tensor`` over all processes, in place."""
    if world_size() > 1:
        dist.all_reduce(tensor)


def gather(value: Any) -> list[Any]:
    """What each process passes, by its number, in all of them."""
    if world_size() == 1:
        return [value]
    values: list[Any] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


@contextmanager
def all_agree() -> Iterator[None]:
    """What is bad input for one process within this context is so for all: nobody waits for one that has gone.

    Raises:
        BadInput: of the first process that has one.
    """
    error = None
    try:
        yield
    except BadInput as mine:
        if world_size() == 1:
            raise
        error = mine
    if world_size() > 1:
        _raise_together(error)


def all_next(items: Iterable[Item]) -> Iterator[Item]:
    """Yields ``items``, of which each process has equally many; where one's fail, all raise its BadInput."""
    source = iter(items)
    while True:
        left: list[Item] = []
        with all_agree():
            left = list(islice(source, 1))
        if not left:
            return
        yield left[0]


def _raise_together(error: BadInput | None) -> None:
    failed = torch.tensor(float(error is not None))
    dist.all_reduce(failed)
    if failed:
        raise BadInput(next(text for text in gather(None if error is None else str(error)) if text))
