"""Residual units of any network as blocks, and the network that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from bench.errors import BadInput
from bench.networks.backbones.traced.layout import Layout, Mapped
from bench.networks.blocks import Backbone, ConvUnit, ResidualBlock
from bench.networks.modules import Modules


@dataclass(frozen=True)
class Place:
    """Where a block stands: the name of its network, and layouts and channels of what it reads and writes."""

    network: str
    reads: Layout
    writes: Layout
    in_channels: int
    out_channels: int


class Shortcut(nn.Module):
    """What runs whether or not the branch does.

    Args:
        entry: what has no skip around it (a change of width or resolution); the branch reads its output.
        side: what is beside the branch: the identity, or a projection.
    """

    def __init__(self, entry: nn.Module, side: nn.Module):
        super().__init__()
        self.entry, self.side = entry, side

    def forward(self, x: Tensor) -> Tensor:
        return self.side(self.entry(x))


class TracedBlock(ResidualBlock):
    """``end(side(y) + scale * branch(y))`` with ``y = entry(x)``; skipped, ``end(side(y))``.

    Maps ``[N, C, H, W]`` to such maps, whatever its network holds in between.

    Args:
        shortcut: with entry and side; the identity where both are.
        parts: the branch, first to last.
        end: an activation behind the sum, or the identity.
        gated: which of the parts writes the inner channels, a sequence of which the first layer decides how many there
            are; the next part is the layer that reads them. None: there are no channels to choose.

    Attributes:
        has_channels: whether there are channels to choose.
    """

    def __init__(
        self,
        shortcut: Shortcut | nn.Identity,
        parts: Sequence[nn.Module],
        end: nn.Module,
        place: Place,
        gated: int | None = None,
    ):
        nn.Module.__init__(self)
        self.shortcut = shortcut
        self.inner = Modules(parts)
        self.end = end
        self.has_channels = gated is not None
        self.gated_unit = gated or 0
        self.place = place

    @property
    def parts(self) -> Sequence[nn.Module]:
        return self.inner

    @property
    def units(self) -> Modules[ConvUnit]:  # type: ignore[override]  # there are none
        raise BadInput(
            f"blocks of {self.place.network} are timm's own modules, and this method changes what blocks consist of: "
            "choose one that decides about layers or exits, or lcnet"
        )

    @property
    def in_channels(self) -> int:
        return self.place.in_channels

    @property
    def out_channels(self) -> int:
        return self.place.out_channels

    @property
    def inner_channels(self) -> int:
        """As :attr:`ResidualBlock.inner_channels`; 0 where there are none to choose."""
        return len(self._writer.weight) if self.has_channels else 0

    @torch.no_grad()
    def inner_norms(self) -> Tensor:
        """As :meth:`ResidualBlock.inner_norms`."""
        return self._writer.weight.abs().flatten(1).sum(1) if self.has_channels else torch.zeros(0)

    @property
    def _writer(self) -> nn.Linear | nn.Conv2d:
        return cast(nn.Linear, cast(nn.Sequential, self.inner[self.gated_unit])[0])

    def pass_by(self, x: Tensor) -> Tensor:
        """The output for samples that skip the block; ``x`` itself where nothing else runs."""
        if isinstance(self.shortcut, nn.Identity):
            return x if isinstance(self.end, nn.Identity) else self._ended(self.place.reads.from_maps(x))
        return self._ended(self.shortcut(self.place.reads.from_maps(x)))

    def forward(
        self,
        x: Tensor,
        layer_scale: Tensor | None = None,
        channel_scale: Tensor | None = None,
        decided: list | None = None,
    ) -> Tensor:
        """As :meth:`ResidualBlock.forward`."""
        parts: list[Callable[[Tensor], Tensor]] = list(self.inner)
        if channel_scale is not None:
            parts.insert(self.gated_unit + 1, self.scaling(channel_scale))
        return self.through(parts, x, layer_scale)

    def through(self, parts: Iterable[Callable[[Tensor], Tensor]], x: Tensor, layer_scale: Tensor | None) -> Tensor:
        """The block's output for ``x`` with ``parts`` for its branch."""
        y = residual = self.place.reads.from_maps(x)
        if isinstance(self.shortcut, Shortcut):
            y = self.shortcut.entry(y)
            residual = self.shortcut.side(y)
        for part in parts:
            y = part(y)
        if layer_scale is not None:
            whole = layer_scale.dim() == 1  # else position by position
            scale = layer_scale.reshape(-1, *[1] * (y.dim() - 1)) if whole else self.place.writes.from_maps(layer_scale)
            y = y * scale.to(y.dtype)
        return self._ended(residual + y)

    def scaling(self, scale: Tensor) -> Callable[[Tensor], Tensor]:
        """What multiplies inner channels by ``scale`` ``[N, channels]``, in the order of dimensions that they have."""

        def scaled(y: Tensor) -> Tensor:
            positions = [1] * (y.dim() - 2)
            shape = (*positions, -1) if isinstance(self.inner[self.gated_unit + 1], nn.Linear) else (-1, *positions)
            return y * scale.reshape(len(scale), *shape).to(y.dtype)

        return scaled

    def _ended(self, features: Tensor) -> Tensor:
        return self.place.writes.to_maps(self.end(features))

    def strength(self) -> Tensor:
        """As :meth:`ResidualBlock.strength`; where a branch has no batch norm, of its last layer for normal inputs."""
        layers = [module for part in self.inner for module in part.modules() if hasattr(module, "weight")]
        norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]
        layer = cast(nn.Linear, (norms or layers)[-1])
        scales = [value for part in self.inner for name, value in part.named_parameters() if name.endswith("gamma")]
        weight, bias = layer.weight.flatten(1) if layer.weight.dim() > 1 else layer.weight[:, None], layer.bias
        square = weight.square().sum(1) + (0 if bias is None else bias.square())
        if scales and not norms and scales[-1].numel() == len(square):
            square = square * scales[-1].flatten().square()
        return square.mean().sqrt()


class TracedBackbone(Backbone):
    """A network of traced blocks.

    Args:
        stem: from images to maps.
        tail: from features, as the network holds them, to logits; with a linear layer that gives these.
    """

    def __init__(self, name: str, stem: Mapped, blocks: Sequence[TracedBlock], tail: nn.Module, size: int):
        nn.Module.__init__(self)
        self.name = name
        self.image_shape = (3, size, size)
        self.stem = stem
        self.blocks = Modules(blocks)
        self.behind = tail
        self.reads = blocks[-1].place.writes

    @property
    def tail(self) -> nn.Module:
        return self.behind

    @property
    def classifier(self) -> nn.Linear:  # type: ignore[override]  # it is within the tail
        return [module for module in self.behind.modules() if isinstance(module, nn.Linear)][-1]

    def head(self, x: Tensor) -> Tensor:
        return self.behind(self.reads.from_maps(x))
