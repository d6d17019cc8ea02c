"""A network of somebody else's as blocks, or the reason why it cannot be."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from bench.errors import BadInput
from bench.networks.backbones.traced.block import Place, Shortcut, TracedBackbone, TracedBlock
from bench.networks.backbones.traced.channels import find_inner
from bench.networks.backbones.traced.graph import assemble, trace
from bench.networks.backbones.traced.layout import Layout, Mapped
from bench.networks.backbones.traced.pieces import Piece, Unit, cut, units_of


@torch.no_grad()
def adapt(name: str, model: nn.Module, probed_px: int, image_px: int) -> TracedBackbone:
    """The modules of ``model``, shared with it, as a backbone.

    Args:
        probed_px: height and width of an image that shows the order of dimensions.
        image_px: height and width of images that costs are counted for.

    Raises:
        BadInput: its graph cannot be read, or holds no residual units.
    """
    training = model.training
    model.eval()
    try:
        backbone = _adapted(name, model, torch.zeros(1, 3, probed_px, probed_px), image_px)
    finally:
        model.train(training)
    ours = {id(tensor): place for place, tensor in backbone.state_dict(keep_vars=True).items()}
    theirs = model.state_dict(keep_vars=True)
    backbone.published = {place: ours[id(tensor)] for place, tensor in theirs.items() if id(tensor) in ours}
    return backbone


def _adapted(name: str, model: nn.Module, x: Tensor, image_px: int) -> TracedBackbone:
    steps = trace(model)
    stem_steps, units, tail_steps = units_of(model, cut(model, steps))
    if all(unit.piece.side for unit in units):
        raise BadInput("it holds no unit that adds what it computes to what it reads, and only such can be skipped")
    _write_nowhere_in_place(model)
    stem = assemble(model, stem_steps, steps[0])
    x = stem(x)
    blocks, first = [], Layout.of(x)
    for unit in units:
        block, x = _block(name, model, unit, x)
        blocks.append(block)
    tail = assemble(model, tail_steps, _last_step(units[-1]))
    if not any(isinstance(module, nn.Linear) for module in tail.modules()):
        raise BadInput("its classifier is no linear layer")
    return TracedBackbone(name, Mapped(stem, first), blocks, tail, image_px)


def _block(name: str, model: nn.Module, unit: Unit, x: Tensor) -> tuple[TracedBlock, Tensor]:
    """A unit as a block, and what it makes of ``x``."""
    piece = unit.piece
    before = unit.entry[0].all_input_nodes[0] if unit.entry else piece.source
    entry, side = assemble(model, unit.entry, before), assemble(model, piece.side, piece.source)
    plain = isinstance(entry, nn.Identity) and isinstance(side, nn.Identity)
    shortcut = nn.Identity() if plain else Shortcut(entry, side)
    branch, gated = _branch(model, piece)
    end = assemble(model, unit.end, piece.steps[-1])
    y = entry(x)
    y = end(side(y) + nn.Sequential(*branch)(y))
    reads, writes = Layout.of(x), Layout.of(y)
    place = Place(name, reads, writes, reads.to_maps(x).shape[1], writes.to_maps(y).shape[1])
    return TracedBlock(shortcut, branch, end, place, gated), y


def _branch(model: nn.Module, piece: Piece) -> tuple[list[nn.Module], int | None]:
    """The parts of a unit's branch, and which of them writes the inner channels, if these can be chosen."""
    inner = find_inner(model, piece.branch)
    if inner is None:
        return [assemble(model, piece.branch, piece.source)], None
    first, last = (piece.branch.index(step) for step in (inner.writers[0], inner.reader))
    before = assemble(model, piece.branch[:first], piece.source)
    writers = nn.Sequential(*(model.get_submodule(str(step.target)) for step in inner.writers))
    reader = model.get_submodule(str(inner.reader.target))
    behind = assemble(model, piece.branch[last + 1 :], inner.reader)
    return [before, writers, reader, behind], 1


def _last_step(unit: Unit) -> fx.Node:
    return (unit.end or unit.piece.steps)[-1]


def _write_nowhere_in_place(model: nn.Module) -> None:
    """Pieces run apart from each other: none may overwrite what another one reads."""
    module: Any
    for module in model.modules():
        if getattr(module, "inplace", False):
            module.inplace = False
