"""Multiply-adds that the matrix products of launches take, padding included, beside the MACs that are needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from bench.execution.triton.launch import Launch, divided, power_of_two
from bench.execution.triton.launches import CHUNK
from bench.execution.triton.segments import Segment
from bench.execution.triton.traffic import as_it_ran, runs


def multiplied(launches: Iterable[object]) -> float:
    """What one pass over a batch multiplies in convolutions, for the decisions that the last pass left behind.

    Products are taken in tiles of pixels and channels: what these hold beyond a map, or beyond the channels that are
    kept, is multiplied too. Gates, exits and the classifier, which are sums of products and no tiles, are left out.
    """
    counted = {"unit": _unit, "whole": _whole}
    known = [launch for launch in launches if isinstance(launch, Launch)]
    return sum(counted[name](given) for name, given in as_it_ran(known) if name in counted)


def _padded(number: Any, block: int) -> Any:
    """What blocks that hold ``number`` hold."""
    return (number + block - 1) // block * block


def _unit(given: dict[str, Any]) -> float:
    computed = runs(given, len(given["source"]), given["ROLE"] == "shortcut")
    counts = None if given["counts"] is None else given["counts"].cpu()
    read = given["INPUTS"] if counts is None or given["kept_in"] is None else counts
    made = given["OUTPUTS"] if counts is None or given["kept_out"] is None else counts
    pixels = -(-given["HEIGHT"] // given["STRIDE"]) * -(-given["WIDTH"] // given["STRIDE"])
    per_channel = given["SIZE"] ** 2 * _padded(pixels, given["BLOCK_P"])
    products = _padded(read, given["BLOCK_IN"]) * _padded(made, given["BLOCK_OUT"])
    return float((computed * per_channel * products).sum())


def _whole(given: dict[str, Any]) -> float:
    samples, outputs = given["samples"], max(CHUNK, power_of_two(given["CHANNELS"]))
    stem = 9 * _padded(given["HEIGHT"] * given["WIDTH"], given["TILE"]) * _padded(given["IMAGE_CHANNELS"], CHUNK)
    return samples * stem * outputs + sum(_segment(given, segment) for segment in given["SEGMENTS"])


def _segment(given: dict[str, Any], segment: Segment) -> float:
    """Blocks of one shape; tiles are those of :func:`bench.execution.triton.kernels.whole.run_blocks`."""
    samples, outputs = given["samples"], max(CHUNK, power_of_two(segment.outputs))
    inputs = max(CHUNK, min(2 * CHUNK, power_of_two(segment.inputs)))
    computed = (given["scales"][segment.first : segment.first + segment.blocks] > 0).cpu()
    if segment.channels:
        length = segment.blocks * segment.outputs * samples
        listed = given["channel_scale"][segment.listed * samples :][:length].view(*computed.shape, -1)
        chosen = _padded((listed > 0).sum(2).cpu(), CHUNK)
        products = _padded(segment.inputs, inputs) * chosen + chosen * outputs
    else:
        inner = max(CHUNK, min(2 * CHUNK, outputs))
        products = torch.tensor(_padded(segment.inputs, inputs) * outputs + _padded(segment.outputs, inner) * outputs)
    pixels = divided(segment.height, segment.stride) * divided(segment.width, segment.stride)
    return float((computed * products).sum()) * 9 * _padded(pixels, segment.tile_out)
