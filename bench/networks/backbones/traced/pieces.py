"""A network cut where all that follows is computed from one tensor: its residual units, and what is between them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn

from bench.networks.backbones.traced.graph import ancestors, holds_weights, module_of

SUMS: tuple[Any, ...] = (operator.add, operator.iadd, torch.add, "add", "add_")


@dataclass(frozen=True)
class Piece:
    """What is computed between two places where one tensor holds all that is needed later.

    Attributes:
        source: what it reads.
        steps: all of it.
        branch: of a residual unit, what is added to ``source``; empty for anything else.
        side: of a residual unit, what else ``source`` goes through before the sum; empty for the identity.
    """

    source: fx.Node
    steps: Sequence[fx.Node]
    branch: Sequence[fx.Node] = ()
    side: Sequence[fx.Node] = ()


@dataclass
class Unit:
    """A residual unit, what comes between the unit before it and itself, and the activation behind its sum."""

    piece: Piece
    entry: list[fx.Node] = field(default_factory=list)
    end: list[fx.Node] = field(default_factory=list)


def cut(model: nn.Module, steps: Sequence[fx.Node]) -> list[Piece]:
    """The pieces of a network, in order."""
    place = {step: index for index, step in enumerate(steps)}
    last = [max((place[user] for user in step.users if user in place), default=len(steps)) for step in steps]
    pieces, start, needed_until = [], 0, last[0]
    for index in range(1, len(steps)):
        # Nothing before this step is read behind it.
        if needed_until <= index:
            pieces.append(_piece(model, steps[start], steps[start + 1 : index + 1]))
            start = index
        needed_until = max(needed_until, last[index])
    return pieces


def _piece(model: nn.Module, source: fx.Node, steps: Sequence[fx.Node]) -> Piece:
    total = steps[-1]
    if total.target not in SUMS or len(total.args) != 2 or total.kwargs:
        return Piece(source, steps)
    paths: list[list[fx.Node]] = []
    for path in total.args:
        if not isinstance(path, fx.Node) or path.op == "get_attr":
            return Piece(source, steps)
        needed = ancestors(path, source)
        paths.append([step for step in steps if step in needed])
    side, branch = sorted(paths, key=len)
    if set(side) & set(branch) or not holds_weights(model, branch):
        return Piece(source, steps)
    changes = any(not isinstance(module_of(model, step), nn.Identity) for step in side)
    return Piece(source, steps, branch, side if changes else ())


def units_of(model: nn.Module, pieces: Sequence[Piece]) -> tuple[list[fx.Node], list[Unit], list[fx.Node]]:
    """The steps before the first residual unit, the units, and the steps behind the last one."""
    stem: list[fx.Node] = []
    units: list[Unit] = []
    between: list[fx.Node] = []
    for piece in pieces:
        if piece.branch:
            units.append(Unit(piece, entry=between if units else []))
            stem = stem if len(units) > 1 else between
            between = []
        elif units and not between and _is_activation(model, piece):
            units[-1].end += piece.steps
        else:
            between = [*between, *piece.steps]
    return stem, units, between


def _is_activation(model: nn.Module, piece: Piece) -> bool:
    module = module_of(model, piece.steps[0]) if len(piece.steps) == 1 else None
    kind = type(module).__module__
    return kind.endswith(("torch.nn.modules.activation", "timm.layers.activations")) or isinstance(module, nn.Identity)
