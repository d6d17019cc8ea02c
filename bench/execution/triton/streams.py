"""The launches of each image apart, on several streams of the device: a contestant of the other forms."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from bench.execution.triton.launch import Launch
from bench.execution.triton.maps import Map
from bench.execution.triton.program import Program
from bench.execution.triton.traffic import PARAMETERS
from bench.execution.triton.window import Access, planned, run_on_streams
from bench.networks.network import DynamicNetwork

STREAMS, WINDOW = 16, 64
"""Kernels that run at once, and that are looked at for ready ones. Nothing was measured."""
AXIS = {"unit": 2, "subsample": 1, "max_pool": 2, "decide": 0, "classify": 0, "leave": 0}
"""Of a kernel's grid, along which samples lie."""
WRITTEN = {
    "unit": ("target", "pooled"),
    "subsample": ("target", "pooled"),
    "max_pool": ("target", "pooled"),
    "decide": ("scales", "kept", "counts", "channel_scale"),
    "classify": ("logits",),
    "leave": ("alive", "logits", "taken", "said"),
}
"""Arguments that a kernel writes; it reads the others."""


class StreamProgram:
    """Shows the face of :class:`bench.execution.triton.program.Program`: its launches, one for each image, on streams.

    A kernel waits for those alone whose memory it touches. Parameters are shared; captured, all is one CUDA graph with
    branches. Without a GPU launches run in the order that was planned.

    Args:
        network: without :func:`bench.execution.triton.forms.unsupported_form`, otherwise as of that class.
        images: where they will lie.
        precision: one of ``PRECISIONS``.
    """

    def __init__(self, network: DynamicNetwork, images: Map, precision: str):
        program = Program(network, images, precision)
        self.images, self.answers, self.decided = images, program.answers, program.decided
        self.launches = program.launches
        launches = [launch for launch in program.launches if isinstance(launch, Launch)]
        self.begin = cast("Callable[[], None]", program.launches[0])
        self.kernels = [_of_image(launch, sample) for launch in launches for sample in range(images.count)]
        self.steps = planned([_access(kernel) for kernel in self.kernels], STREAMS, WINDOW)
        on_gpu = images.values.is_cuda
        self.streams = [torch.cuda.Stream(images.values.device) for _ in range(STREAMS)] if on_gpu else []

    def __call__(self) -> None:
        self.begin()
        if self.streams:
            run_on_streams(self.steps, self.kernels, self.streams)
            return
        for step in self.steps:
            self.kernels[step.kernel]()


def _of_image(launch: Launch, sample: int) -> Launch:
    grid = list(launch.grid)
    grid[AXIS[launch.kernel.__name__]] = 1
    return replace(launch, grid=grid, arguments=launch.arguments | {"begin": sample})


def _access(launch: Launch) -> Access:
    """Of its image's part of memory alone; parameters, which nobody writes, are left out."""
    written, shared = WRITTEN[launch.kernel.__name__], (*PARAMETERS, "mix", "threshold")
    names = [name for name in launch.arguments if name not in shared]
    reads = _memory(launch, [name for name in names if name not in written])
    return Access(frozenset(reads), frozenset(_memory(launch, written)))


def _memory(launch: Launch, names: Sequence[str]) -> Iterator[Hashable]:
    for name in names:
        if isinstance(value := launch.arguments[name], Tensor):
            yield value.data_ptr(), launch.arguments["begin"]
