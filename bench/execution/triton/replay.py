"""What is called with images again and again: launch by launch, or on a GPU as one CUDA graph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from bench.errors import BadInput
from bench.execution.triton.maps import Answers, Map
from bench.execution.triton.parameters import PRECISIONS

Result = TypeVar("Result")
WARM_UP = 3
"""Passes before a CUDA graph is captured."""


class Launches(Protocol):
    """Launches for one shape of batch, which read ``images`` and write ``answers`` and never wait for the device."""

    images: Map
    answers: Answers

    def __call__(self) -> None: ...


class Replay:
    """Launches that are captured as one CUDA graph at the first call, where there is a GPU."""

    def __init__(self, launches: Launches):
        self.launches = launches
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, images: Tensor) -> None:
        self.launches.images.images().copy_(images)
        if not images.is_cuda:
            self.launches()
            return
        if self.graph is None:
            self.graph, _ = captured(self.launches)
        self.graph.replay()


def captured(call: Callable[[], Result]) -> tuple[torch.cuda.CUDAGraph, Result]:
    """``call`` as a CUDA graph, and what it returned: each replay writes that anew, in the same memory."""
    # Passes that compile the kernels come first, on a stream of their own as capturing wants.
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = call()
    return graph, result


class Replayed(nn.Module, ABC):
    """What networks and cascades have in common here: one replay for each shape of batch.

    Args:
        channels: of the images.
        device: where they and everything else lie.
        precision: one of ``PRECISIONS``.
    """

    executor, execution = "triton", "skipped"

    def __init__(self, channels: int, device: torch.device, precision: str):
        super().__init__()
        if precision not in PRECISIONS:
            raise BadInput(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}")
        self.channels, self.device, self.precision = channels, device, precision
        self.replays: dict[torch.Size, Replay] = {}

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Tensor:
        """Images ``[N, C, H, W]`` to logits ``[N, classes]`` alone.

        Raises:
            BadInput: images of another shape or device than the network's.
        """
        return self._run(images).answers.logits.clone()

    @abstractmethod
    def prepare(self, shape: torch.Size) -> Launches:
        """Memory and launches for images of ``shape``."""

    def _run(self, images: Tensor) -> Launches:
        if images.dim() != 4 or images.shape[1] != self.channels or not images.numel():
            raise BadInput(f"images must have shape [N, {self.channels}, H, W], not {list(images.shape)}")
        if images.device != self.device:
            raise BadInput(f"the network lies on {self.device}, images on {images.device}")
        replay = self.replays.get(images.shape)
        if replay is None:
            replay = self.replays[images.shape] = Replay(self.prepare(images.shape))
        replay(images)
        return replay.launches

    def _room(self, shape: torch.Size) -> Map:
        """For images of ``shape``."""
        count, channels, height, width = shape
        like = torch.empty(0, dtype=PRECISIONS[self.precision][0], device=self.device)
        return Map.empty(count, height, width, channels, like, pooled=False)
