"""A whole CIFAR ResNet as one launch: shapes, and all parameters behind one another in two pieces of memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import cast

import torch
from torch import Tensor

from bench.execution.triton import kernels
from bench.execution.triton.launch import Launch, divided
from bench.execution.triton.launches import exit_tiles
from bench.execution.triton.maps import Answers, Decided, Map, tile_of
from bench.execution.triton.parameters import PRECISIONS, RULES, ExitWeights, LinearWeights, UnitWeights
from bench.execution.triton.segments import Exit, Gated, Packed, Segment, Shape, segmented
from bench.networks.blocks import ConvUnit
from bench.networks.network import DynamicNetwork
from bench.networks.router import FoldedGates

WARPS = 8
"""Of the program that has an image to itself: with fewer, its threads are short of registers."""
REGISTERS = 255
"""Of each thread where channels are chosen in float32: left alone, ptxas settles for fewer and spills."""


class WholeProgram:
    """Shows the face of :class:`bench.execution.triton.program.Program`; its launch is a single one.

    Args:
        network: without :func:`bench.execution.triton.forms.unsupported_form`, in evaluation mode, where it runs.
        images: where they will lie.
        precision: one of ``PRECISIONS``.
    """

    @torch.no_grad()
    def __init__(self, network: DynamicNetwork, images: Map, precision: str):
        self.network, self.images = network, images
        self.dtype, products = PRECISIONS[precision]
        backbone, device = network.backbone, images.values.device
        self.answers = Answers.empty(images.count, backbone.classifier.out_features, False, device)
        self.weights, self.numbers = Packed(), Packed()
        self.stem = UnitWeights.of(cast(ConvUnit, backbone.stem), self.dtype)
        self.weights.add([self.stem.weight])
        self.numbers.add([self.stem.bias])
        self.maps = [(images.height, images.width, self.stem.outputs)]
        self.segments = self._segments()
        self.exits = [self._exit(segment) for segment in self.segments]
        self.decided, room = self._decisions(device)
        self.launches: list[Callable[[], object]] = [self._launch(room, products)]

    def __call__(self) -> None:
        for launch in self.launches:
            launch()

    def _segments(self) -> list[Segment]:
        exits, router, gated = self.network.exits, self.network.router, []
        for index, block in enumerate(self.network.backbone.blocks):
            answers = 0 if exits is None else sum(place < index for place in exits.after)
            gated.append(Gated(block, cast(FoldedGates, router.folded_gates(index)), answers))
        found, first, listed = [], 0, 0
        for shape, alike in segmented(gated):
            segment = self._segment(shape, alike, first, listed)
            found.append(segment)
            first, listed = first + segment.blocks, listed + segment.blocks * shape.outputs
        return found

    def _segment(self, shape: Shape, alike: list[Gated], first: int, listed: int) -> Segment:
        height, width, _ = self.maps[-1]
        source = len(self.maps) - 1
        if shape.stride > 1:
            self.maps.append(((height - 1) // 2 + 1, (width - 1) // 2 + 1, shape.outputs))
        target, places, pooled = len(self.maps) - 1, *self._places()
        weights, numbers = zip(*map(self._parameters, alike))
        tile_in, tile_out = (tile_of(self.maps[number][0] * self.maps[number][1]) for number in (source, target))
        weight_step, number_step = (each[1] - each[0] if len(each) > 1 else 0 for each in (weights, numbers))
        return Segment(
            first=first,
            blocks=len(alike),
            height=height,
            width=width,
            **shape._asdict(),
            tile_in=tile_in,
            tile_out=tile_out,
            source=places[source],
            target=places[target],
            pooled_source=pooled[source],
            pooled_target=pooled[target],
            listed=listed,
            weights=weights[0],
            numbers=numbers[0],
            weight_step=weight_step,
            number_step=number_step,
        )

    def _exit(self, segment: Segment) -> Exit | tuple[()]:
        """What stands behind ``segment``; its parameters are packed."""
        exits, following = self.network.exits, segment.first + segment.blocks
        if exits is None or following - 1 not in exits.after:
            return ()
        places, _ = self._places()
        shape = self.maps[places.index(segment.target)]
        weights = ExitWeights.of(exits, exits.after.index(following - 1), shape)
        linear, further = weights.classifier, torch.stack([weights.mix, weights.threshold])
        numbers = self.numbers.add([linear.weight, linear.bias, further])
        sizes = (*shape, *exit_tiles(weights, shape).values())
        return Exit._make((weights.number, following, segment.target, *sizes, numbers))

    def _places(self) -> tuple[list[int], list[int]]:
        """Where each map begins within those of one sample, and where its sums begin; last, where they end."""
        maps = [height * width * channels for height, width, channels in self.maps]
        sums = [divided(height * width, tile_of(height * width)) * channels for height, width, channels in self.maps]
        return [0, *accumulate(maps)], [0, *accumulate(sums)]

    def _parameters(self, gated: Gated) -> tuple[int, int]:
        """Packs those of one block; returns where they begin."""
        units = [UnitWeights.of(unit, self.dtype) for unit in gated.block.units]
        gates = map(LinearWeights.of, (gated.gates.layer, gated.gates.channels))
        linear = [each for each in gates if each is not None]
        numbers = [unit.bias for unit in units] + [part for each in linear for part in (each.weight, each.bias)]
        return self.weights.add(unit.weight for unit in units), self.numbers.add(numbers)

    def _decisions(self, device: torch.device) -> tuple[list[Decided | None], dict[str, Tensor]]:
        """Views of each block's decisions, and the memory that the kernel writes them into."""
        count, widest = self.images.count, max(segment.outputs for segment in self.segments)
        total = sum(segment.blocks * segment.outputs for segment in self.segments)
        scales = torch.zeros(sum(segment.blocks for segment in self.segments), count, device=device)
        kept = torch.zeros(count, widest, dtype=torch.int32, device=device)
        channel_scale = torch.zeros(total * count, device=device)
        decided: list[Decided | None] = []
        for segment in self.segments:
            for block in range(segment.blocks):
                begin = (segment.listed + block * segment.outputs) * count
                listed = channel_scale[begin : begin + segment.outputs * count].view(count, segment.outputs)
                gated = segment.layer or segment.channels
                one = Decided(scales[segment.first + block], channel_scale=listed if segment.channels else None)
                decided.append(one if gated else None)
        room = {"scales": scales, "kept": kept, "counts": torch.zeros_like(kept[:, 0]), "channel_scale": channel_scale}
        return decided, room

    def _launch(self, room: dict[str, Tensor], products: str) -> Launch:
        images, last = self.images, self.maps[-1]
        classifier = cast(LinearWeights, LinearWeights.of(self.network.backbone.classifier))
        place = self.numbers.add([classifier.weight, classifier.bias])
        (*_, features), (*pooled, sums) = self._places()
        hidden = max(height * width * channels for height, width, channels in self.maps)
        like = images.values
        area, tile = last[0] * last[1], tile_of(last[0] * last[1])
        exits, blocks = self.network.exits, len(self.network.backbone.blocks)
        answer = (area, divided(area, tile), last[2], pooled[-1], place)
        memory = {
            "images": like,
            "features": like.new_zeros(images.count, features),
            "hidden": like.new_zeros(images.count, hidden),
            "pooled": torch.zeros(images.count, sums, device=like.device),
            "weights": self.weights.joined(),
            "numbers": self.numbers.joined(),
            "logits": self.answers.logits,
            "taken": self.answers.taken,
            **room,
        }
        shapes = {
            "samples": images.count,
            "HEIGHT": images.height,
            "WIDTH": images.width,
            "IMAGE_CHANNELS": images.channels,
            "CHANNELS": self.stem.outputs,
            "TILE": tile_of(images.pixels),
            "FEATURES": features,
            "HIDDEN": hidden,
            "POOLED": sums,
            "WIDEST": room["kept"].shape[1],
            "SEGMENTS": tuple(self.segments),
            "EXITS": tuple(self.exits),
            "RULE": None if exits is None else RULES[type(exits.rule)],
            "LAST": (classifier.weight.shape[1], answer, blocks, 0 if exits is None else len(exits.after)),
            "PRECISION": products,
        }
        scarce = like.dtype == torch.float32 and any(segment.channels for segment in self.segments)
        return Launch(kernels.whole, (images.count,), memory | shapes, WARPS, REGISTERS if scarce else None)
