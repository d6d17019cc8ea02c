"""The face that every way of deciding shows to the network: a router made of gates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from bench.networks.decisions import ChannelDecision, LayerDecision


@dataclass(frozen=True)
class GateCost:
    """MACs of a router for one image.

    Attributes:
        image: spent once, before the first block (a policy network on the image).
        layer: per block, spent on every image that reaches the block.
        channels: per block, spent only on images that execute it.
        exits: per block, of a classifier behind it: spent on every image that reaches the block. Empty: none.
    """

    image: int
    layer: tuple[int, ...]
    channels: tuple[int, ...]
    exits: tuple[int, ...] = ()


@dataclass(frozen=True)
class FoldedGates:
    """The gates of one block as linear functions of its average-pooled input, for fast inference.

    Attributes:
        layer: to one score: positive executes, clamped to [0, 1] it scales the branch. None: always executed.
        channels: to one score for each inner channel, or for each step of the menu, read the same way. None: all kept.
        menu: number of widths: equal shares of the channels, of which the first are kept up to the first closed one,
            scaled by the running minimum of the scores. None: channels are kept one by one.
    """

    layer: nn.Linear | None = None
    channels: nn.Linear | None = None
    menu: int | None = None


class Router(nn.Module):
    """Decides, for each sample, which blocks run and which inner channels they keep; by default all of them.

    A pass goes ``start`` once, then for every block ``gate_input``, ``decide_layer`` and, for the samples that execute
    the block, ``decide_channels`` and ``decide_positions``; where ``decide_tokens`` decides, it alone is asked. At the
    end comes ``finish``. Masked execution calls these for the whole batch and multiplies; skipping execution calls them
    for the executing samples alone. Both must therefore decide sample by sample: no decision may depend on the rest of
    the batch in evaluation mode.
    """

    shortens: ClassVar[bool] = False
    """Whether :attr:`LayerDecision.complete` is decided. Such a router decides about layers alone, and the network must
    pass :func:`bench.networks.ends.require_ends`."""

    def __init__(self, blocks: int):
        super().__init__()
        self.blocks = blocks

    def __init_subclass__(cls, **options: Any) -> None:
        """Takes ``look``, the former name of ``gate_input``, from methods that were written for it."""
        super().__init_subclass__(**options)
        if "look" in vars(cls):
            cls.gate_input = vars(cls)["look"]  # type: ignore[method-assign]

    def start(self, images: Tensor) -> Any:
        """Looks at the images ``[N, 3, H, W]`` before the first block; returns what the pass must remember."""
        return None

    def gate_input(self, index: int, x: Tensor) -> Tensor:
        """What the gates of block ``index`` see of its input ``[N, C, H, W]``; by default its average pool [N, C]."""
        return x.mean((2, 3))

    def decide_layer(self, index: int, features: Tensor, state: Any) -> LayerDecision:
        """Which samples execute block ``index``. ``features`` is what ``gate_input`` returned."""
        return LayerDecision.always(features)

    def decide_channels(self, index: int, features: Tensor, state: Any) -> ChannelDecision | None:
        """Which inner channels of block ``index`` are kept, or None where nothing decides about them.

        The rows of ``features`` may be a part of the batch, so ``state`` must not be needed sample by sample here.
        """
        return None

    def decide_positions(self, index: int, features: Tensor, state: Any) -> Tensor | None:
        """Where the branch of block ``index`` is added: ``[N, 1, H, W]``, 0 or 1, at the resolution of its output.

        None where nothing decides about positions. ``features`` and ``state`` are as in :meth:`decide_channels`. The
        gates' MACs belong to ``layer`` of :meth:`cost`, and the network must pass
        :func:`bench.networks.positions.require_positions`.
        """
        return None

    @property
    def decides_positions(self) -> bool:
        """Whether it is asked about positions at all."""
        return type(self).decide_positions is not Router.decide_positions

    def decide_tokens(self, index: int, features: Tensor, state: Any) -> Tensor | None:
        """Which tokens the branch of block ``index`` reads and changes: ``[N, T]``, 0 or 1; None: nothing decides that.

        Always asked for the whole batch; gradients pass into the MACs alone. The gates' MACs belong to ``layer`` of
        :meth:`cost`, and the network must pass :func:`bench.networks.tokens.require_tokens`.
        """
        return None

    @property
    def decides_tokens(self) -> bool:
        """Whether it is asked about tokens at all."""
        return type(self).decide_tokens is not Router.decide_tokens

    def finish(self, x: Tensor, state: Any) -> Tensor:
        """What the classifier reads, where that is more than the last features ``x``."""
        return x

    def folded_gates(self, index: int) -> FoldedGates | None:
        """The gates of block ``index`` where they are that simple; None: the methods above must be called.

        With all blocks folded, skipping execution of a single image calls neither of them.
        """
        return None

    def cost(self) -> GateCost:
        """MACs of the gates for one image."""
        nothing = (0,) * self.blocks
        return GateCost(0, nothing, nothing)


class OpenRouter(Router):
    """The router of a static network: looks at nothing and runs everything."""

    def gate_input(self, index: int, x: Tensor) -> Tensor:
        return x[:, 0, 0, 0]

    def folded_gates(self, index: int) -> FoldedGates:
        return FoldedGates()
