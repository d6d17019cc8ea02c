"""Where a program that carries an image through a whole network ends: at an exit, or behind the last block."""

import triton
import triton.language as tl

from bench.execution.triton.kernels.exit import exit_logits
from bench.execution.triton.kernels.gate import score
from bench.execution.triton.kernels.stopping import rate


@triton.jit
def try_exit(
    features, numbers, logits, taken, scales, sample, samples, last, row,
    RULE: tl.constexpr, CLASSES: tl.constexpr, BLOCKS: tl.constexpr,
    NUMBER: tl.constexpr, NEXT: tl.constexpr, SOURCE: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, BLOCK_W: tl.constexpr, BLOCK_C: tl.constexpr,
    NUMBERS: tl.constexpr,
):  # fmt: skip
    """Asks the exit that a :class:`bench.execution.triton.segments.Exit` describes; who is sure enough answers there.

    Returns whether, and the class that was said and how many exits in a row have said it. Of the blocks behind the exit
    the scales then say that the sample has answered before.
    """
    BLOCK_K: tl.constexpr = triton.next_power_of_2(CLASSES)
    weight = numbers + NUMBERS
    bias = weight + ROWS * COLUMNS * CHANNELS * CLASSES
    total = exit_logits(
        features + SOURCE, weight, bias, tl.load(bias + CLASSES),
        HEIGHT, WIDTH, CHANNELS, CLASSES, ROWS, COLUMNS, BLOCK_W, BLOCK_C, BLOCK_K,
    )  # fmt: skip
    sure, last, row = rate(total, last, row, RULE, CLASSES, BLOCK_K)
    leaves = sure > tl.load(bias + CLASSES + 1)
    if leaves:
        output = tl.arange(0, BLOCK_K)
        tl.store(logits + output, total, mask=output < CLASSES)
        tl.store(taken + sample, NUMBER)
        block = NEXT + tl.arange(0, triton.next_power_of_2(BLOCKS - NEXT))
        tl.store(scales + block * samples + sample, -1.0, mask=block < BLOCKS)
    return leaves, last, row


@triton.jit
def answer(
    pooled, numbers, logits, CLASSES: tl.constexpr,
    AREA: tl.constexpr, TILES: tl.constexpr, CHANNELS: tl.constexpr, SUMS: tl.constexpr, NUMBERS: tl.constexpr,
):  # fmt: skip
    """The classifier. At ``SUMS`` lie those of the last map, at ``NUMBERS`` weights and biases."""
    BLOCK_T: tl.constexpr = triton.next_power_of_2(TILES)
    BLOCK_C: tl.constexpr = triton.next_power_of_2(CHANNELS)
    BLOCK_K: tl.constexpr = triton.next_power_of_2(CLASSES)
    weight = numbers + NUMBERS
    bias = weight + CHANNELS * CLASSES
    total = score(pooled + SUMS, weight, bias, AREA, TILES, CHANNELS, CLASSES, BLOCK_T, BLOCK_C, BLOCK_K, 0)
    output = tl.arange(0, BLOCK_K)
    tl.store(logits + output, total, mask=output < CLASSES)
