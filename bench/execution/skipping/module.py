"""A block of another package's modules, run for the samples that execute it and with the channels that they keep."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from bench.execution.skipping.width import Width
from bench.networks.backbones.traced.block import TracedBlock
from bench.networks.decisions import UnitDecision


class ModuleBlock:
    """The modules as they are; narrowed are the layers that write and read inner channels."""

    skips_channels = True

    def __init__(self, block: TracedBlock):
        self.block = block
        self.inner_channels = block.inner_channels
        self.pass_by = block.pass_by

    def run(self, x: Tensor, scale: Tensor | float | None, width: Width, units: list[UnitDecision]) -> Tensor:
        """As :meth:`.block.MaskedBlock.run`."""
        layer_scale = None
        if scale is not None:
            layer_scale = torch.as_tensor(scale, dtype=x.dtype, device=x.device).expand(len(x), 1, 1, 1).flatten()
        channel_scale = None if width.scale is None else width.scale.flatten(1)
        if width.kept is None:
            return self.block(x, layer_scale, channel_scale)
        return self.block.through(self._narrow(width.kept, channel_scale), x, layer_scale)

    def _narrow(self, kept: int | Tensor, scale: Tensor | None) -> Sequence[Callable[[Tensor], Tensor]]:
        """The branch with nothing but the inner channels ``kept``."""
        place, parts = self.block.gated_unit, self.block.parts
        writers, reader = cast(nn.Sequential, parts[place]), parts[place + 1]
        inner: list[Callable[[Tensor], Tensor]]
        if isinstance(kept, int) and kept == 0:
            inner = [partial(bias_alone, writers, reader)]
        else:
            chosen = slice(kept) if isinstance(kept, int) else kept
            scaling = [] if scale is None else [self.block.scaling(scale)]
            inner = [*(narrowed(writer, chosen) for writer in writers), *scaling, narrowed_reader(reader, chosen)]
        return [*parts[:place], *inner, *parts[place + 2 :]]


def narrowed(writer: nn.Module, kept: slice | Tensor) -> nn.Module:
    """A layer between inner channels and what they are computed from, for the channels ``kept`` alone."""
    clone = _with(writer, {name: _rows(tensor, kept) for name, tensor in writer._parameters.items()})
    clone._buffers = {name: _rows(tensor, kept) for name, tensor in writer._buffers.items()}
    if isinstance(writer, nn.Conv2d) and writer.groups > 1:
        clone.groups = len(clone.weight)
    return clone


def narrowed_reader(reader: nn.Module, kept: slice | Tensor) -> nn.Module:
    """The layer that reads inner channels, for the channels ``kept`` alone."""
    return _with(reader, {**reader._parameters, "weight": cast(Tensor, reader.weight)[:, kept]})


def bias_alone(writers: nn.Module, reader: Any, x: Tensor) -> Tensor:
    """What is left of a branch without any of its inner channels; ``x`` is what these would be computed from."""
    shape = reader(writers(x[:0])).shape[1:]  # of no samples, so nothing is multiplied
    y = x.new_zeros(len(x), *shape)
    if reader.bias is None:
        return y
    return y + (reader.bias if isinstance(reader, nn.Linear) else reader.bias[:, None, None])


def _with(layer: nn.Module, parameters: dict[str, Any]) -> Any:
    """A shallow copy of ``layer`` with other parameters."""
    clone = copy.copy(layer)
    clone._parameters = parameters
    return clone


def _rows(tensor: Tensor | None, kept: slice | Tensor) -> Tensor | None:
    """Those of the channels ``kept``; numbers are common to all channels."""
    return tensor if tensor is None or not tensor.dim() else tensor[kept]
