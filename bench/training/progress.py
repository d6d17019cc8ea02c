"""The state of a training between two steps."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

_SAVED = ("stage", "epoch", "rows", "best_key", "best_state", "step", "total", "first")


@dataclass
class Progress:
    """Where training stands: everything that a resumed run needs besides the configuration.

    Attributes:
        stage: number of the stage.
        epoch: epochs done of the stage.
        rows: one per epoch of all stages.
        step: steps done of the epoch.
        total: sum of their losses.
        first: the loss that the stage began with; None before its first step.
    """

    stage: int = 0
    epoch: int = 0
    rows: list[dict] = field(default_factory=list)
    best_key: tuple = ()
    best_state: dict[str, Tensor] = field(default_factory=dict)
    step: int = 0
    total: float = 0.0
    first: float | None = None

    def begin_stage(self, number: int) -> None:
        """Starts stage ``number`` at its first epoch."""
        self.stage, self.epoch, self.first = number, 0, None

    def add(self, loss: float) -> None:
        """Counts one step."""
        self.total += loss
        self.step += 1

    def end_epoch(self, row: dict) -> None:
        """Keeps an epoch's row and starts the next epoch at its first step."""
        self.rows.append(row)
        self.epoch, self.step, self.total = self.epoch + 1, 0, 0.0

    def keep_if_best(self, network: nn.Module, key: tuple) -> None:
        """Keeps the network's weights if ``key`` is the largest so far; the later one wins a tie."""
        if not self.best_state or key >= self.best_key:
            self.best_key, self.best_state = key, copy.deepcopy(network.state_dict())

    def state(self, network: nn.Module, optimisers: Sequence[torch.optim.Optimizer]) -> dict[str, Any]:
        """All of it, with the weights of the network and the state of the optimisers, as a checkpoint holds it."""
        mine = {name: getattr(self, name) for name in _SAVED} | {"best_key": list(self.best_key)}
        return mine | {
            "network": network.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        }

    def restore(
        self, saved: Mapping[str, Any], network: nn.Module, optimisers: Sequence[torch.optim.Optimizer]
    ) -> None:
        """The reverse of :meth:`state`."""
        network.load_state_dict(saved["network"])
        for optimiser, state in zip(optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        for name in _SAVED:
            setattr(self, name, saved[name])
        self.best_key = tuple(saved["best_key"])
