"""Processes that decode images, and the shared memory that they pass them through."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any, cast

import torch
from torch.utils.data import DataLoader

from bench.data.dataset import LoaderStatistics
from bench.data.decoding import Batch, Decoder, Item, collate
from bench.errors import BadInput
from bench.system.distributed import world_size

LARGEST_DEFAULT = 12
"""Worker processes: more than these no single GPU keeps waiting for."""
SHARED_MEMORY = Path("/dev/shm")
IN_USE = 2
"""Batches that the network still holds beside those that are ready: the one it works on and the one handed over."""
MIB = 2**20


@dataclass(frozen=True)
class Loading:
    """How files become batches; shared by the splits of a data set."""

    workers: int
    prefetch: int
    statistics: LoaderStatistics

    @classmethod
    def choose(cls, workers: int | None, prefetch: int) -> Loading:
        """With ``workers`` processes, or as many as this process has cores to spare."""
        if workers is None:
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
            workers = min(LARGEST_DEFAULT, max(1, cores // world_size() - 1))
        return cls(workers, prefetch, LoaderStatistics(workers))

    def batches(self, decoder: Decoder, wanted: Sequence[list[Item]]) -> Iterator[Batch]:
        """Decodes ``wanted``, one batch after the other.

        Raises:
            BadInput: too little shared memory, or a worker that cannot be started or has ended.
        """
        workers = min(self.workers, len(wanted))
        if workers:
            self._require_shared_memory(decoder, wanted, workers)
        source = _start(decoder, wanted, workers, self.prefetch)
        while True:
            begin = time.perf_counter()
            batch = _next(source)
            self.statistics.wait_s += time.perf_counter() - begin
            if batch is None:
                return
            self.statistics.images += len(batch.labels)
            self.statistics.work_s += batch.seconds
            yield batch

    def _require_shared_memory(self, decoder: Decoder, wanted: Sequence[list[Item]], workers: int) -> None:
        """Raises BadInput where all batches that may be under way at once do not fit."""
        try:
            found = os.statvfs(SHARED_MEMORY)
        except OSError:
            return  # Other systems than Linux keep it elsewhere.
        image = decoder[wanted[0][0]].pixels
        batch_bytes = 0 if image is None else image.nbytes * max(map(len, wanted))
        batches = min(workers * self.prefetch + IN_USE, len(wanted)) * _processes_here()
        free = found.f_bavail * found.f_frsize
        if batches * batch_bytes > free:
            raise BadInput(
                f"{workers} loader workers may need {batches * batch_bytes / MIB:,.0f} MiB of shared memory, but "
                f"{SHARED_MEMORY} has {free / MIB:,.0f} MiB: give fewer --loader-workers (0 needs none), a smaller "
                "--prefetch or --batch-size, or, to a container, a larger --shm-size"
            )


def _processes_here() -> int:
    """Processes of this run on this machine, as torchrun says; 1 without it."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1)) if world_size() > 1 else 1


def _start(decoder: Decoder, wanted: Sequence[list[Item]], workers: int, prefetch: int) -> Iterator[Batch]:
    loader = DataLoader(
        decoder,
        batch_sampler=wanted,
        collate_fn=collate,
        num_workers=workers,
        prefetch_factor=prefetch if workers else None,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_begin_worker,
    )
    try:
        if workers:
            multiprocessing.Queue().close()  # Where there can be none, the loader would leave a traceback of its own.
        return iter(loader)
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise BadInput(
            f"cannot start {workers} processes that decode images ({why}): give fewer --loader-workers (0 needs none)"
        ) from error


def _next(source: Iterator[Batch]) -> Batch | None:
    try:
        return next(source, None)
    except (OSError, RuntimeError) as error:
        text = " ".join(str(error).partition("\n")[0].split())
        raise BadInput(
            f"a process that decodes images has ended ({text}), perhaps for want of memory, shared memory or open "
            "files: give fewer --loader-workers"
        ) from error


def _begin_worker(number: int) -> None:
    """A batch that cannot be handed over would be waited for without end: its worker ends, which the loader notices."""
    cast(Any, Queue)._on_queue_feeder_error = staticmethod(_end_worker)


def _end_worker(error: Exception, item: object) -> None:
    os._exit(1)
