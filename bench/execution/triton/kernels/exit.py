"""An exit: a linear classifier of maps pooled to a few cells, after which a sample that is sure enough leaves."""

import triton
import triton.language as tl

from bench.execution.triton.kernels.stopping import rate


@triton.jit
def cell_features(
    source,
    mix,
    channel,
    row,
    column,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    BLOCK_W: tl.constexpr,
):
    """``mix`` of the maximum and ``1 - mix`` of the mean of one cell, of which maps have ``ROWS`` x ``COLUMNS``."""
    top, left = row * HEIGHT // ROWS, column * WIDTH // COLUMNS
    height = tl.cdiv((row + 1) * HEIGHT, ROWS) - top
    width = tl.cdiv((column + 1) * WIDTH, COLUMNS) - left
    place = tl.arange(0, BLOCK_W)
    there = (place < height * width)[:, None] & (channel < CHANNELS)[None, :]
    pixel = (top + place // width) * WIDTH + left + place % width
    x = tl.load(source + pixel[:, None] * CHANNELS + channel[None, :], mask=there, other=0.0).to(tl.float32)
    return tl.sum(x, 0) / (height * width) * (1 - mix) + tl.max(x, 0) * mix


@triton.jit
def exit_logits(
    source,
    weight,
    bias,
    share,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr,
    CLASSES: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    BLOCK_W: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """What an exit says of one image, ``[BLOCK_K]``. Weights ``[cells, CHANNELS, CLASSES]``; ``share``: of maxima."""
    output = tl.arange(0, BLOCK_K)
    total = tl.load(bias + output, mask=output < CLASSES, other=0.0)
    for cell in range(ROWS * COLUMNS):
        for start in range(0, CHANNELS, BLOCK_C):
            channel = start + tl.arange(0, BLOCK_C)
            features = cell_features(
                source, share, channel, cell // COLUMNS, cell % COLUMNS, HEIGHT, WIDTH, CHANNELS, ROWS, COLUMNS, BLOCK_W
            )
            there = (channel < CHANNELS)[:, None] & (output < CLASSES)[None, :]
            w = tl.load(
                weight + (cell * CHANNELS + channel)[:, None] * CLASSES + output[None, :], mask=there, other=0.0
            )
            total += tl.sum(features[:, None] * w, 0)
    return total


@triton.jit(do_not_specialize=["begin"])
def leave(
    source,
    alive,
    weight,
    bias,
    mix,
    threshold,
    logits,
    taken,
    said,
    begin,
    NUMBER: tl.constexpr,
    RULE: tl.constexpr,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr,
    CLASSES: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    BLOCK_W: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """Grid: samples. ``mix`` and ``threshold`` lie on the device; ``said``: the last class, and how often in a row."""
    sample = (begin + tl.program_id(0)).to(tl.int64)
    if tl.load(alive + sample) < 0:
        return
    total = exit_logits(
        source + sample * HEIGHT * WIDTH * CHANNELS, weight, bias, tl.load(mix),
        HEIGHT, WIDTH, CHANNELS, CLASSES, ROWS, COLUMNS, BLOCK_W, BLOCK_C, BLOCK_K,
    )  # fmt: skip
    last, row = -1, 0
    if NUMBER > 0:
        last, row = tl.load(said + 2 * sample), tl.load(said + 2 * sample + 1)
    score, place, row = rate(total, last, row, RULE, CLASSES, BLOCK_K)
    tl.debug_barrier()  # no thread writes what another has yet to read
    if RULE == "patience":
        tl.store(said + 2 * sample, place)
        tl.store(said + 2 * sample + 1, row)
    if score > tl.load(threshold):
        output = tl.arange(0, BLOCK_K)
        tl.store(logits + sample * CLASSES + output, total, mask=output < CLASSES)
        tl.store(taken + sample, NUMBER)
        tl.store(alive + sample, -1.0)
