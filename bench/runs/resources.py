"""What a job took of its machine besides time: memory, and images read from files."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterable

import torch

from bench.data import DataSet
from bench.system.distributed import gather

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


def begin(data: DataSet) -> None:
    """From here on a job's reading counts."""
    if data.loader is not None:
        data.loader.reset()


def used(data: DataSet, device: torch.device) -> dict:
    """For the record: ``peak_memory_bytes`` of this process since it began, ``peak_gpu_memory_bytes`` where there is a
    GPU, and ``loader`` where images come from files. Of several processes the largest, and their loaders' sum."""
    mine = {"peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT}
    if device.type == "cuda":
        mine["peak_gpu_memory_bytes"] = torch.cuda.max_memory_allocated()
    all_ = gather((mine, None if data.loader is None else data.loader.summary()))
    peaks = {name: max(one[name] for one, _ in all_) for name in mine}
    loaders = [loader for _, loader in all_ if loader is not None]
    return peaks | {"processes": len(all_)} | ({"loader": _sum(loaders)} if loaders else {})


def _sum(loaders: list[dict]) -> dict:
    return {name: sum(loader[name] or 0 for loader in loaders) for name in loaders[0]}


def line(used: Iterable[dict]) -> str:
    """One line about all jobs of a run that read images from files; empty where none did."""
    known = [one for one in used if one.get("loader", {}).get("images")]
    if not known:
        return ""
    peak = max(one["peak_memory_bytes"] for one in known) / 2**30
    gpu = max(one.get("peak_gpu_memory_bytes", 0) for one in known) / 2**30
    loaders = [one["loader"] for one in known]
    rate = sum(one["images_per_second"] for one in loaders) / len(loaders)
    waited = sum(one["waited_s"] for one in loaders)
    on_gpu = f", {gpu:.2f} GiB on its GPU" if gpu else ""
    return (
        f"peak memory {peak:.2f} GiB a process{on_gpu}; loader {rate:.0f} images/s by {loaders[0]['workers']} workers, "
        f"waited for {waited:.0f} s"
    )
