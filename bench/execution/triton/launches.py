"""From maps, weights and decisions to launches: one function for each kernel, which knows its grid and tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from bench.execution.triton import kernels
from bench.execution.triton.launch import Launch, divided, power_of_two
from bench.execution.triton.maps import Answers, Decided, Map
from bench.execution.triton.parameters import ExitWeights, LinearWeights, UnitWeights

CHUNK = 16
"""Channels that a loop over kept ones takes at once: the least that tensor cores multiply in bf16."""
WIDEST_CHUNK, GATE_TILE = 64, 8192
"""Most outputs of one program, and most weights of a gate that it holds at once."""


@dataclass(frozen=True)
class Chosen:
    """For which samples a unit runs, and which channels it reads and computes.

    Attributes:
        scales: as in :class:`Decided`, or ``alive`` of :class:`Answers`; None: for all samples.
        decided: has the list of channels that are kept.
        inputs, outputs: whether the unit's are those of the list; otherwise all.
    """

    scales: Tensor | None = None
    decided: Decided | None = None
    inputs: bool = False
    outputs: bool = False


def run_unit(weights: UnitWeights, source: Map, target: Map, role: str, chosen: Chosen, precision: str) -> Launch:
    """A convolution with folded norm of ``source`` ``[N, pixels, inputs]``, written into ``target``.

    Args:
        role: what follows it, as :func:`bench.execution.triton.kernels.unit.unit_tile` says.
        precision: how products are taken: ``ieee`` or ``tf32``.
    """
    decided = chosen.decided
    chunk = CHUNK if chosen.outputs else power_of_two(weights.outputs, CHUNK, WIDEST_CHUNK)
    listed = None if decided is None else decided.kept
    return Launch(
        kernels.unit,
        (target.tiles, divided(weights.outputs, chunk), target.count),
        {
            "source": source.values,
            "weight": weights.weight,
            "bias": weights.bias,
            "target": target.values,
            "scales": chosen.scales,
            "kept_in": listed if chosen.inputs else None,
            "kept_out": listed if chosen.outputs else None,
            "counts": None if decided is None else decided.counts,
            "channel_scale": decided.channel_scale if decided is not None and chosen.outputs else None,
            "pooled": target.pooled,
            "begin": 0,
            "ROLE": role,
            "HEIGHT": source.height,
            "WIDTH": source.width,
            "STRIDE": weights.stride,
            "SIZE": weights.size,
            "INPUTS": weights.inputs,
            "OUTPUTS": weights.outputs,
            "BLOCK_P": target.tile,
            "BLOCK_IN": CHUNK if chosen.inputs else power_of_two(weights.inputs, CHUNK, 2 * CHUNK),
            "BLOCK_OUT": chunk,
            "PRECISION": precision,
        },
    )


def run_subsample(source: Map, target: Map, before: int, scales: Tensor | None) -> Launch:
    """The shortcut without parameters: every second row and column of ``source``, between channels of zeros.

    Args:
        before: channels of zeros in front; behind them as many as ``target`` has left.
        scales: ``[N]``, negative for samples that have answered and are left out. None: all are computed.
    """
    return Launch(
        kernels.subsample,
        (target.tiles, target.count),
        {
            "source": source.values,
            "target": target.values,
            "scales": scales,
            "pooled": target.pooled,
            "begin": 0,
            "BEFORE": before,
            "HEIGHT": source.height,
            "WIDTH": source.width,
            "INPUTS": source.channels,
            "OUTPUTS": target.channels,
            "BLOCK_P": target.tile,
            "BLOCK_OUT": power_of_two(target.channels),
        },
    )


def run_max_pool(source: Map, target: Map, scales: Tensor | None) -> Launch:
    """The 3 x 3 max pool of stride 2 behind a stem; ``scales`` as of :func:`run_subsample`."""
    chunk = power_of_two(target.channels, 1, WIDEST_CHUNK)
    return Launch(
        kernels.max_pool,
        (target.tiles, divided(target.channels, chunk), target.count),
        {
            "source": source.values,
            "target": target.values,
            "scales": scales,
            "pooled": target.pooled,
            "begin": 0,
            "HEIGHT": source.height,
            "WIDTH": source.width,
            "CHANNELS": target.channels,
            "BLOCK_P": target.tile,
            "BLOCK_OUT": chunk,
        },
    )


def _pooling(x: Map, outputs: int) -> dict[str, int]:
    """How a linear layer goes over the pooled channels of ``x``."""
    block = power_of_two(outputs)
    channels = power_of_two(x.channels, 1, max(1, min(64, GATE_TILE // block)))
    return {
        "AREA": x.pixels,
        "TILES": x.tiles,
        "CHANNELS": x.channels,
        "BLOCK_T": power_of_two(x.tiles),
        "BLOCK_C": channels,
        "BLOCK_K": block,
    }


def run_gate(
    x: Map,
    layer: LinearWeights | None,
    channels: LinearWeights | None,
    menu: int,
    decided: Decided,
    alive: Tensor | None,
) -> Launch:
    """The gates of a block, linear in the pooled ``x``; what they decide is written into ``decided``.

    Args:
        layer: to one score. None: the block runs for all who are asked.
        channels: to a score of each inner channel, or of each step of the menu. None: no channel is asked about.
        menu: how many steps that has; 0: there is none.
        alive: as in :class:`Answers`; who has answered gets scale -1. None: everybody is asked.
    """
    inner = 1 if decided.kept is None else decided.kept.shape[1]
    return Launch(
        kernels.decide,
        (x.count,),
        {
            "pooled": x.pooled,
            "alive": alive,
            "layer_weight": layer and layer.weight,
            "layer_bias": layer and layer.bias,
            "channel_weight": channels and channels.weight,
            "channel_bias": channels and channels.bias,
            "scales": decided.scales,
            "kept": decided.kept,
            "counts": decided.counts,
            "channel_scale": decided.channel_scale,
            "begin": 0,
            "INNER": inner,
            "MENU": menu,
            "BLOCK_S": power_of_two(menu or inner),
            **_pooling(x, inner),
        },
    )


def run_classifier(x: Map, weights: LinearWeights, logits: Tensor, alive: Tensor | None) -> Launch:
    """The classifier of the pooled ``x``, written into ``logits`` ``[N, classes]``.

    Args:
        alive: as in :class:`Answers`; the logits of who has answered stay. None: everybody's are written.
    """
    sizes = _pooling(x, min(logits.shape[1], WIDEST_CHUNK))
    arguments: dict[str, Any] = {"pooled": x.pooled, "alive": alive, "weight": weights.weight, "bias": weights.bias}
    arguments |= {"logits": logits, "begin": 0, "CLASSES": logits.shape[1], **sizes}
    return Launch(kernels.classify, (x.count, divided(logits.shape[1], sizes["BLOCK_K"])), arguments)


def run_exit(x: Map, exit_: ExitWeights, answers: Answers) -> Launch:
    """An exit behind ``x``: who is sure enough answers there, and is alive no longer.

    ``answers`` needs ``alive``, which says who is asked; what they answer and where is written into it.
    """
    return Launch(
        kernels.leave,
        (x.count,),
        {
            "source": x.values,
            "alive": answers.alive,
            "weight": exit_.classifier.weight,
            "bias": exit_.classifier.bias,
            "mix": exit_.mix,
            "threshold": exit_.threshold,
            "logits": answers.logits,
            "taken": answers.taken,
            "said": answers.said,
            "begin": 0,
            "NUMBER": exit_.number,
            "RULE": exit_.rule,
            "HEIGHT": x.height,
            "WIDTH": x.width,
            "CHANNELS": x.channels,
            "CLASSES": answers.logits.shape[1],
            "BLOCK_K": power_of_two(answers.logits.shape[1]),
            **exit_tiles(exit_, (x.height, x.width, x.channels)),
        },
    )


def exit_tiles(exit_: ExitWeights, shape: tuple[int, int, int]) -> dict[str, int]:
    """How an exit goes over maps of ``shape``: height, width, channels."""
    height, width, channels = shape
    window = power_of_two(_longest(height, exit_.rows) * _longest(width, exit_.columns))
    block = power_of_two(exit_.classifier.weight.shape[2])
    return {
        "ROWS": exit_.rows,
        "COLUMNS": exit_.columns,
        "BLOCK_W": window,
        "BLOCK_C": power_of_two(channels, 1, max(1, min(32, GATE_TILE // 4 // max(block, window)))),
    }


def _longest(size: int, cells: int) -> int:
    """The most rows, or columns, of one cell, where so many cells share ``size``; cells may overlap."""
    return max(divided((cell + 1) * size, cells) - cell * size // cells for cell in range(cells))
