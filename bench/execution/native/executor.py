"""A dynamic network whose whole forward pass is one call into compiled code."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from bench.errors import BadInput
from bench.execution.native import library as native
from bench.execution.native.network import Description, unsupported_reason
from bench.networks.cost import SampleCost, output_cost
from bench.networks.decisions import BlockDecision, ChannelDecision, ExitDecision, LayerDecision, Output
from bench.networks.network import DynamicNetwork


class NativeNetwork(nn.Module):
    """The same logits, decisions and MACs as the masked network, without the work that was decided away.

    Shows the face of :class:`bench.execution.skipping.SkippingNetwork`. As many threads as PyTorch is set to share a
    single image; of a batch, each takes images of its own. Weights are a copy: later training does not reach them.
    Several Python threads may call one network, which lets them wait for each other, or one network each.

    Args:
        network: without :func:`bench.execution.native.obstacle`; not changed.
        target: instruction set, one of :func:`bench.execution.native.targets`; by default the best.

    Raises:
        BadInput: a network that cannot be run natively, or an instruction set that is not there.
    """

    executor, execution = "native", "skipped"

    def __init__(self, network: DynamicNetwork, target: str | None = None):
        super().__init__()
        available = native.targets()
        if not available:
            raise BadInput("the native executor was not built: it needs a C++17 compiler when the package is installed")
        if target is not None and target not in available:
            raise BadInput(f"the native executor has {', '.join(available)} here, not {target!r}")
        reason = unsupported_reason(network)
        if reason:
            raise BadInput(f"{network.backbone.name} cannot be run natively: {reason}")
        self.target = target or available[0]
        self.backbone_cost = network.backbone_cost
        self.gate_cost = network.gate_cost
        self.has_exits = network.exits is not None
        self.inner_channels = [block.inner_channels for block in network.backbone.blocks]
        self.description = Description(network)
        self._executor: _Executor | None = None
        self._lock = threading.Lock()
        self.eval()

    def forward(self, images: Tensor) -> Output:
        """Images ``[N, 3, H, W]``, float32 on the CPU, to logits ``[N, classes]`` and one decision per block.

        Raises:
            BadInput: images of another shape, type or device, or too small or large for the network.
        """
        self._check(images)
        layers = torch.empty(len(images), len(self.inner_channels))
        gated = [gates.channels is not None for gates in self.description.gates]
        widths = [width if decides else 0 for width, decides in zip(self.inner_channels, gated)]
        channels = torch.empty(len(images), sum(widths))
        answers = torch.empty(len(images), dtype=torch.int32)
        logits = self._run(images, layers, channels, answers)
        decisions = tuple(
            BlockDecision(
                LayerDecision((scale > 0).to(scale.dtype), scale),
                ChannelDecision((kept > 0).to(kept.dtype), kept) if decides else None,
            )
            for scale, kept, decides in zip(layers.unbind(1), channels.split(widths, 1), gated)
        )
        return Output(logits, decisions, exits=ExitDecision(answers.long()) if self.has_exits else None)

    def predict(self, images: Tensor) -> Tensor:
        """Images ``[N, 3, H, W]`` to logits ``[N, classes]`` alone; raises as :meth:`forward`."""
        self._check(images)
        return self._run(images)

    def cost(self, output: Output) -> SampleCost:
        """MACs of each sample of ``output``."""
        return output_cost(self.backbone_cost, self.gate_cost, output)

    def _run(self, images: Tensor, *decided: Tensor) -> Tensor:
        """Logits; what was decided is written into the other tensors, where they are given."""
        logits = torch.empty(len(images), self.description.classes)
        results = native.Results(*(tensor.data_ptr() for tensor in (logits, *decided)))
        with self._prepared(*images.shape[2:]) as executor:
            executor.run(native.Images(images.data_ptr(), *images.stride(), len(images)), results)
        return logits

    def _check(self, images: Tensor) -> None:
        expected = self.description.image_channels
        if images.dim() != 4 or images.shape[1] != expected:
            raise BadInput(f"images must have shape [N, {expected}, H, W], not {list(images.shape)}")
        if images.dtype != torch.float32 or images.device.type != "cpu":
            raise BadInput(f"native execution takes float32 on the CPU, not {images.dtype} on {images.device}")

    @contextmanager
    def _prepared(self, height: int, width: int) -> Iterator[_Executor]:
        """The executor for images of this size and PyTorch's number of threads, for this thread alone."""
        wanted = (height, width, torch.get_num_threads())
        with self._lock:
            if self._executor is None or self._executor.size != wanted:
                self._executor = _Executor(native.load(self.target), self.description, wanted)
            yield self._executor


class _Executor:
    """What lives in the library, for one size ``(height, width, threads)``."""

    def __init__(self, library: ctypes.CDLL, description: Description, size: tuple[int, int, int]):
        self.size, self.library, self.description = size, library, description
        error = ctypes.create_string_buffer(native.ERROR_SIZE)
        self.handle = library.native_create(ctypes.byref(description.structure), *size, error, len(error))
        if not self.handle:
            raise BadInput(f"native execution of {size[0]} x {size[1]} images: {error.value.decode()}")

    def run(self, images: Any, results: Any) -> None:
        self.library.native_run(self.handle, ctypes.byref(images), ctypes.byref(results))

    def __del__(self):
        if getattr(self, "handle", None):
            self.library.native_destroy(self.handle)
