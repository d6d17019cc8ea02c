"""Gates that are not linear in the pooled input: the router's own modules, whose results stay on the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bench.execution.triton.maps import Decided, Map
from bench.networks.decisions import ChannelDecision
from bench.networks.router import Router


class CalledRouter:
    """Asks ``router`` about all samples of a batch and writes what kernels read."""

    def __init__(self, router: Router, images: Map):
        self.router, self.images = router, images
        self.decides_channels = type(router).decide_channels is not Router.decide_channels
        self.state: Any = None

    def start(self) -> None:
        """What the router does once for each pass, before its first block."""
        self.state = self.router.start(self.images.images().float())

    def step(self, index: int, x: Map, decided: Decided, alive: Tensor | None) -> Callable[[], None]:
        """What decides about block ``index``, whose input is ``x``."""

        def step() -> None:
            features = self.router.gate_input(index, x.images()).float()
            scales = self.router.decide_layer(index, features, self.state).scale
            decided.scales.copy_(scales if alive is None else torch.where(alive > 0, scales, -1.0))
            if self.decides_channels:
                _list(self.router.decide_channels(index, features, self.state), decided)

        return step


def _list(channels: ChannelDecision | None, decided: Decided) -> None:
    """Writes what is kept, as :mod:`bench.execution.triton.kernels.gate` does."""
    assert decided.kept is not None and decided.counts is not None and decided.channel_scale is not None
    scale = torch.ones_like(decided.channel_scale) if channels is None else channels.scale
    decided.channel_scale.copy_(scale)
    decided.counts.copy_((scale > 0).sum(1))
    decided.kept.copy_((scale > 0).float().argsort(dim=1, descending=True, stable=True))
