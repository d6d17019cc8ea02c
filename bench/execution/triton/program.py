"""A network as a fixed sequence of launches, whatever its gates decide: nothing waits for the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from bench.execution.structure import stem_parts
from bench.execution.triton.launches import (
    Chosen,
    run_classifier,
    run_exit,
    run_gate,
    run_max_pool,
    run_subsample,
    run_unit,
)
from bench.execution.triton.maps import Answers, Decided, Map
from bench.execution.triton.parameters import PRECISIONS, ExitWeights, LinearWeights, UnitWeights
from bench.execution.triton.routing import CalledRouter
from bench.networks.backbones.cifar import ParameterFreeShortcut
from bench.networks.blocks import ConvUnit, ResidualBlock
from bench.networks.network import DynamicNetwork
from bench.networks.router import FoldedGates


class Program:
    """The launches of ``network`` for one shape of batch, and the memory that they work on.

    Args:
        network: in evaluation mode, on the device where it runs.
        images: where they will lie.
        precision: one of ``PRECISIONS``.
        alive: who is asked at all, as in :class:`Answers`, where others decide that. None: everybody.

    Attributes:
        images: what is computed is about these.
        answers: where what they came to is written.
        decided: by block; None where nothing decides about it.
        launches: to be called in their order.
    """

    @torch.no_grad()
    def __init__(self, network: DynamicNetwork, images: Map, precision: str, alive: Tensor | None = None):
        self.network, self.images = network, images
        self.dtype, self.products = PRECISIONS[precision]
        self.like = images.values.new_empty(0)
        classes, exits = network.backbone.classifier.out_features, network.exits is not None
        self.answers = Answers.empty(images.count, classes, exits, self.like.device)
        self.alive = self.answers.alive if alive is None else alive
        self.called = CalledRouter(network.router, images)
        self.scratch: dict[tuple[int, ...], Map] = {}
        self.decided: list[Decided | None] = []
        self.launches: list[Callable[[], object]] = [self._begin]
        self._compile()

    def __call__(self) -> None:
        for launch in self.launches:
            launch()

    def _begin(self) -> None:
        if self.network.exits is not None and self.alive is not None:
            self.alive.fill_(1.0)
            self.answers.taken.fill_(len(self.network.exits.after))

    def _compile(self) -> None:
        blocks = self.network.backbone.blocks
        gates = [self.network.router.folded_gates(index) for index in range(len(blocks))]
        if any(each is None for each in gates):
            self.launches.append(self.called.start)
        x = self._stem()
        for index, block in enumerate(blocks):
            decided = self._gates(index, block, gates[index], x)
            x = self._block(block, x, decided)
            self.decided.append(decided)
            self._exit(index, x)
        weights = cast(LinearWeights, LinearWeights.of(self.network.backbone.classifier))
        self.launches.append(run_classifier(x, weights, self.answers.logits, self.alive))

    def _stem(self) -> Map:
        unit, pool = stem_parts(self.network.backbone.stem)
        weights = UnitWeights.of(cast(ConvUnit, unit), self.dtype)
        x = self._run(weights, self.images, "relu", Chosen(self.alive), self._behind(weights, self.images))
        if pool is None:
            return x
        target = self._map(*x.strided(2), x.channels)
        self.launches.append(run_max_pool(x, target, self.alive))
        return target

    def _gates(self, index: int, block: ResidualBlock, gates: FoldedGates | None, x: Map) -> Decided | None:
        if gates is None:
            decided = Decided.empty(x.count, block.inner_channels, self.called.decides_channels, x.values.device)
            self.launches.append(self.called.step(index, x, decided, self.alive))
            return decided
        if gates.layer is None and gates.channels is None:
            return None
        layer, channels = LinearWeights.of(gates.layer), LinearWeights.of(gates.channels)
        decided = Decided.empty(x.count, block.inner_channels, channels is not None, x.values.device)
        self.launches.append(run_gate(x, layer, channels, gates.menu or 0, decided, self.alive))
        return decided

    def _block(self, block: ResidualBlock, x: Map, decided: Decided | None) -> Map:
        """The sum is written over the input where the shortcut is the identity: who skips has nothing to do."""
        scales = self.alive if decided is None else decided.scales
        target, inner, last = self._shortcut(block.shortcut, x, scales), x, len(block.units) - 1
        for number, unit in enumerate(block.units):
            weights = UnitWeights.of(unit, self.dtype)
            chosen = _chosen(block, number, decided, scales)
            if number < last:
                inner = self._run(weights, inner, "relu", chosen, self._inside(weights, inner, number))
            else:
                self._run(weights, inner, "add", chosen, target)
        return target

    def _shortcut(self, shortcut: nn.Module, x: Map, scales: Tensor | None) -> Map:
        if isinstance(shortcut, nn.Identity):
            return x
        if not isinstance(shortcut, ParameterFreeShortcut):
            weights = UnitWeights.of(cast(ConvUnit, shortcut), self.dtype)
            return self._run(weights, x, "shortcut", Chosen(scales), self._behind(weights, x))
        target = self._map(*x.strided(2), x.channels + sum(shortcut.padding))
        self.launches.append(run_subsample(x, target, shortcut.padding[0], scales))
        return target

    def _exit(self, index: int, x: Map) -> None:
        exits = self.network.exits
        if exits is None or index not in exits.after:
            return
        weights = ExitWeights.of(exits, exits.after.index(index), (x.height, x.width, x.channels))
        self.launches.append(run_exit(x, weights, self.answers))

    def _run(self, weights: UnitWeights, source: Map, role: str, chosen: Chosen, target: Map) -> Map:
        self.launches.append(run_unit(weights, source, target, role, chosen, self.products))
        return target

    def _behind(self, weights: UnitWeights, source: Map) -> Map:
        """Room for what a unit makes of ``source``."""
        return self._map(*source.strided(weights.stride), weights.outputs)

    def _inside(self, weights: UnitWeights, source: Map, number: int) -> Map:
        """The same inside a branch: blocks of one shape share it."""
        shape = (number, *source.strided(weights.stride), weights.outputs)
        if shape not in self.scratch:
            self.scratch[shape] = Map.empty(source.count, *shape[1:], self.like, pooled=False)
        return self.scratch[shape]

    def _map(self, height: int, width: int, channels: int) -> Map:
        return Map.empty(self.images.count, height, width, channels, self.like)


def _chosen(block: ResidualBlock, number: int, decided: Decided | None, scales: Tensor | None) -> Chosen:
    if decided is None or decided.kept is None:
        return Chosen(scales)
    return Chosen(scales, decided, number == block.gated_unit + 1, number == block.gated_unit)
