"""Residual networks seen as a list of blocks: the static networks underneath every method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor, nn

from bench.errors import BadInput
from bench.networks.decisions import UnitDecision
from bench.networks.modules import Modules


class ConvUnit(nn.Module):
    """Convolution, batch normalisation and, except at the end of a residual branch, a ReLU.

    Maps ``[N, C_in, H, W]`` to ``[N, C_out, H', W']``.
    """

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d, activation: bool):
        super().__init__()
        self.conv = conv
        self.norm = norm
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return torch.relu_(x) if self.activation else x


class SelfGatedUnit(ConvUnit):
    """A unit that decides by itself, from its own input, what it computes of its convolution.

    ``conv`` is called once, at full width, in every pass: costs are counted there.

    Attributes:
        opened: overrules the gates, for checks: everything is computed, as by the plain unit.
    """

    opened: bool = False

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d, activation: bool):
        super().__init__(conv, norm, activation)
        require_ungrouped(conv)

    def gated(self, x: Tensor) -> tuple[Tensor, UnitDecision]:
        """The output for ``x``, everything computed and then masked, and what each sample would compute of it."""
        raise NotImplementedError

    def gate_parameters(self) -> list[nn.Parameter]:
        """What learns as a gate does; the unit's other parameters learn as the backbone does."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> tuple[Tensor, UnitDecision]:  # type: ignore[override]
        return (super().forward(x), UnitDecision.everything(x)) if self.opened else self.gated(x)


def require_ungrouped(conv: nn.Conv2d) -> None:
    """Raises BadInput where single channels of ``conv`` can be neither chosen nor removed: they belong to groups."""
    if conv.groups > 1:
        raise BadInput(
            f"a choice of channels cannot run on grouped convolutions ({conv.out_channels} channels in {conv.groups} "
            "groups): choose a method that decides about layers, or another backbone"
        )


class ResidualBlock(nn.Module):
    """``relu(shortcut(x) + scale * branch(x))``: the unit that a layer gate executes or skips.

    The shortcut always runs, so a skipped block yields ``relu(shortcut(x))``, which is ``x`` itself where the
    shortcut is the identity (``x`` comes out of a ReLU).

    Args:
        units: the residual branch, first to last (two for a basic block, three for a bottleneck).
        shortcut: identity, parameter-free subsampling (option A) or a 1x1 projection (option B).
        gated_unit: the unit whose output channels a channel gate may switch off; the last unit never is one,
            because the residual sum stays at full width.
    """

    def __init__(self, units: Sequence[ConvUnit], shortcut: nn.Module, gated_unit: int | None = None):
        super().__init__()
        self.units = Modules(units)
        self.shortcut = shortcut
        self.gated_unit = len(self.units) - 2 if gated_unit is None else gated_unit

    @property
    def in_channels(self) -> int:
        return self.units[0].conv.in_channels

    @property
    def out_channels(self) -> int:
        return self.units[-1].conv.out_channels

    @property
    def inner_channels(self) -> int:
        """Number of channels that a channel gate of this block decides about."""
        return self.units[self.gated_unit].conv.out_channels

    @torch.no_grad()
    def inner_norms(self) -> Tensor:
        """L1 norms of the filters that compute the inner channels, ``[inner_channels]``.

        Raises:
            BadInput: single channels cannot be chosen, since they belong to groups.
        """
        conv = self.units[self.gated_unit].conv
        require_ungrouped(conv)
        return conv.weight.abs().sum((1, 2, 3))

    @property
    def parts(self) -> Sequence[nn.Module]:
        """What the branch consists of, first to last."""
        return self.units

    def strength(self) -> Tensor:
        """How much the branch adds, read off its weights: root mean square behind its last batch norm."""
        norm = self.units[-1].norm
        return (norm.weight.square() + norm.bias.square()).mean().sqrt()

    def branch(self, x: Tensor, channel_scale: Tensor | None = None, decided: list | None = None) -> Tensor:
        """The residual branch; ``channel_scale`` ``[N, inner_channels]`` multiplies after BN and ReLU.

        Only there is a zero exactly zero for the next convolution: before BN its shift would revive the channel.
        What self-gated units decide is appended to ``decided``.
        """
        if channel_scale is not None:
            require_ungrouped(self.units[self.gated_unit].conv)
        for index, unit in enumerate(self.units):
            x = unit(x)
            if isinstance(unit, SelfGatedUnit):
                x, decision = x
                if decided is not None:
                    decided.append(decision)
            if index == self.gated_unit and channel_scale is not None:
                x = x * channel_scale[:, :, None, None].to(x.dtype)
        return x

    def pass_by(self, x: Tensor) -> Tensor:
        """The output for samples ``x`` that skip the block."""
        return torch.relu(self.shortcut(x))

    def forward(
        self,
        x: Tensor,
        layer_scale: Tensor | None = None,
        channel_scale: Tensor | None = None,
        decided: list | None = None,
    ) -> Tensor:
        """Everything is computed; ``layer_scale`` then multiplies the branch.

        Sample by sample ``[N]``, or position by position ``[N, 1, H, W]``.
        """
        return self._added(x, self.branch(x, channel_scale, decided), layer_scale)

    def forward_to_end(self, x: Tensor, layer_scale: Tensor | None, complete: Tensor) -> Tensor:
        """The same where the branch ends behind its first unit for those whose ``complete`` ``[N]`` is 0, not 1."""
        first = self.units[0](x)
        last = first
        for unit in self.units[1:]:
            last = unit(last)
        # Exact at both ends, and a mixture in between.
        branch = torch.lerp(first, last, complete[:, None, None, None].to(first.dtype))
        return self._added(x, branch, layer_scale)

    def _added(self, x: Tensor, branch: Tensor, layer_scale: Tensor | None) -> Tensor:
        if layer_scale is not None:
            scale = layer_scale if layer_scale.dim() > 1 else layer_scale[:, None, None, None]
            branch = branch * scale.to(branch.dtype)
        return torch.relu(self.shortcut(x) + branch)


class Backbone(nn.Module):
    """A static residual network: stem, blocks, global average pool, linear classifier.

    Args:
        name: as in records and tables, for instance ``resnet20``.
        stem: maps images ``[N, 3, H, W]`` to the first block's input.
        blocks: the residual blocks, in order.
        classifier: from pooled features to logits.
        image_shape: ``(channels, height, width)`` that costs are counted for.

    Attributes:
        published: of weights with other names elsewhere, these names, each with what it is here.
    """

    published: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        name: str,
        stem: nn.Module,
        blocks: Sequence[ResidualBlock],
        classifier: nn.Linear,
        image_shape: tuple[int, int, int],
    ):
        super().__init__()
        self.name = name
        self.image_shape = image_shape
        self.stem = stem
        self.blocks = Modules(blocks)
        self.classifier = classifier

    @property
    def has_groups(self) -> bool:
        """Whether any convolution is grouped, so that its channels cannot be chosen one by one."""
        return any(module.groups > 1 for module in self.modules() if isinstance(module, nn.Conv2d))

    @property
    def tail(self) -> nn.Module:
        """What is behind the blocks and costs MACs."""
        return self.classifier

    def head(self, x: Tensor) -> Tensor:
        """Features ``[N, C, H, W]`` to logits ``[N, classes]``."""
        return self.classifier(x.mean((2, 3)))

    def forward(self, images: Tensor) -> Tensor:
        """Images ``[N, 3, H, W]`` to logits ``[N, classes]``, with every block at full width."""
        x = self.stem(images)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def require_channels(backbone: Backbone) -> None:
    """Raises BadInput where a block has no inner channels that could be chosen."""
    for index, block in enumerate(backbone.blocks):
        if not block.inner_channels:
            raise BadInput(
                f"block {index} of {backbone.name} has no channels to choose: choose a method that decides about "
                "layers or exits, or lcnet"
            )
