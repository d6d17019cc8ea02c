"""A whole CIFAR ResNet in one launch: a program carries one image through all blocks, its features in the caches."""

import triton
import triton.language as tl

from bench.execution.triton.kernels.ends import answer, try_exit
from bench.execution.triton.kernels.gate import list_kept, score, steps_of_menu
from bench.execution.triton.kernels.shortcut import subsample_tile
from bench.execution.triton.kernels.unit import unit_tile


@triton.jit
def convolve_map(
    source,
    weight,
    bias,
    target,
    scale,
    kept_in,
    count_in,
    kept_out,
    count_out,
    channel_scale,
    pooled,
    ROLE: tl.constexpr,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    STRIDE: tl.constexpr,
    INPUTS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_IN: tl.constexpr,
    BLOCK_OUT: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """A 3 x 3 unit of one image, tile by tile; what was written is there for all threads when it ends."""
    pixels_out: tl.constexpr = ((HEIGHT - 1) // STRIDE + 1) * ((WIDTH - 1) // STRIDE + 1)
    for tile in range(tl.cdiv(pixels_out, BLOCK_P)):
        for chunk in range(tl.cdiv(count_out, BLOCK_OUT)):
            unit_tile(
                source, weight, bias, target, scale, kept_in, count_in, kept_out, count_out, channel_scale, pooled,
                tile, chunk, ROLE, HEIGHT, WIDTH, STRIDE, 3, INPUTS, OUTPUTS, BLOCK_P, BLOCK_IN, BLOCK_OUT, PRECISION,
            )  # fmt: skip
    tl.debug_barrier()


@triton.jit
def subsample_map(
    source,
    target,
    pooled,
    BEFORE: tl.constexpr,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    INPUTS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    BLOCK_P: tl.constexpr,
):
    """The shortcut without parameters of one image, tile by tile."""
    pixels_out: tl.constexpr = ((HEIGHT - 1) // 2 + 1) * ((WIDTH - 1) // 2 + 1)
    BLOCK_OUT: tl.constexpr = triton.next_power_of_2(OUTPUTS)
    for tile in range(tl.cdiv(pixels_out, BLOCK_P)):
        subsample_tile(
            source, target, pooled, tile, BEFORE, HEIGHT, WIDTH, INPUTS, OUTPUTS, BLOCK_P, BLOCK_OUT
        )  # fmt: skip
    tl.debug_barrier()


@triton.jit
def ask_layer(
    pooled, gate, AREA: tl.constexpr, TILES: tl.constexpr, INPUTS: tl.constexpr, BLOCK_C: tl.constexpr
):  # fmt: skip
    """The scale of a branch. ``gate``: weights, then the bias."""
    BLOCK_T: tl.constexpr = triton.next_power_of_2(TILES)
    total = score(pooled, gate, gate + INPUTS, AREA, TILES, INPUTS, 1, BLOCK_T, BLOCK_C, 1, 0)
    return tl.sum(tl.clamp(total, 0.0, 1.0), 0)


@triton.jit
def ask_channels(
    pooled,
    gate,
    kept,
    counts,
    channel_scale,
    AREA: tl.constexpr,
    TILES: tl.constexpr,
    INPUTS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    MENU: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """Lists the channels that are kept; returns how many. ``gate``: weights, then biases."""
    scored: tl.constexpr = MENU if MENU else OUTPUTS
    BLOCK_T: tl.constexpr = triton.next_power_of_2(TILES)
    BLOCK_S: tl.constexpr = triton.next_power_of_2(scored)
    BLOCK_K: tl.constexpr = triton.next_power_of_2(OUTPUTS)
    total = score(pooled, gate, gate + INPUTS * scored, AREA, TILES, INPUTS, scored, BLOCK_T, BLOCK_C, BLOCK_S, 0)
    if MENU:
        total = steps_of_menu(total, OUTPUTS, MENU, BLOCK_S, BLOCK_K)
    list_kept(total, kept, counts, channel_scale, OUTPUTS, BLOCK_K)
    tl.debug_barrier()
    return tl.load(counts)


@triton.jit
def run_blocks(
    features, hidden, pooled, weights, numbers, scales, kept, counts, channel_scale, sample, samples,
    PRECISION: tl.constexpr, FIRST: tl.constexpr, BLOCKS: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr,
    INPUTS: tl.constexpr, OUTPUTS: tl.constexpr, STRIDE: tl.constexpr, BEFORE: tl.constexpr,
    LAYER: tl.constexpr, CHANNELS: tl.constexpr, MENU: tl.constexpr, TILE_IN: tl.constexpr, TILE_OUT: tl.constexpr,
    SOURCE: tl.constexpr, TARGET: tl.constexpr, POOLED_SOURCE: tl.constexpr, POOLED_TARGET: tl.constexpr,
    LISTED: tl.constexpr, WEIGHTS: tl.constexpr, NUMBERS: tl.constexpr,
    WEIGHT_STEP: tl.constexpr, NUMBER_STEP: tl.constexpr,
):  # fmt: skip
    """Blocks of one shape, one behind the other: what :class:`bench.execution.triton.segments.Segment` describes."""
    AREA: tl.constexpr = HEIGHT * WIDTH
    TILES: tl.constexpr = (AREA + TILE_IN - 1) // TILE_IN
    HEIGHT_OUT: tl.constexpr = (HEIGHT - 1) // STRIDE + 1
    WIDTH_OUT: tl.constexpr = (WIDTH - 1) // STRIDE + 1
    BLOCK_C: tl.constexpr = triton.next_power_of_2(INPUTS)
    BLOCK_OUT: tl.constexpr = max(16, triton.next_power_of_2(OUTPUTS))
    BLOCK_CHOSEN: tl.constexpr = 16 if CHANNELS else BLOCK_OUT
    BLOCK_IN: tl.constexpr = max(16, min(32, BLOCK_C))
    listing = kept if CHANNELS else None
    source, target = features + SOURCE, features + TARGET
    looked_at, sums = pooled + POOLED_SOURCE, pooled + POOLED_TARGET
    for block in range(BLOCKS):
        weight = weights + WEIGHTS + block * WEIGHT_STEP
        bias = numbers + NUMBERS + block * NUMBER_STEP
        gate = bias + 2 * OUTPUTS
        scale = 1.0
        if LAYER:
            scale = ask_layer(looked_at, gate, AREA, TILES, INPUTS, BLOCK_C)
            gate += INPUTS + 1
        tl.store(scales + (FIRST + block) * samples + sample, scale)
        if STRIDE > 1:
            subsample_map(source, target, sums, BEFORE, HEIGHT, WIDTH, INPUTS, OUTPUTS, TILE_OUT)
        if scale > 0:
            count = OUTPUTS
            own = channel_scale + LISTED * samples + (block * samples + sample) * OUTPUTS
            if CHANNELS:
                count = ask_channels(
                    looked_at, gate, kept, counts, own, AREA, TILES, INPUTS, OUTPUTS, MENU, BLOCK_C
                )  # fmt: skip
            convolve_map(
                source, weight, bias, hidden, scale, None, INPUTS, listing, count, own, None,
                "relu", HEIGHT, WIDTH, STRIDE, INPUTS, OUTPUTS, TILE_OUT, BLOCK_IN, BLOCK_CHOSEN, PRECISION,
            )  # fmt: skip
            convolve_map(
                hidden, weight + 9 * INPUTS * OUTPUTS, bias + OUTPUTS, target, scale, listing, count, None, OUTPUTS,
                None, sums, "add", HEIGHT_OUT, WIDTH_OUT, 1, OUTPUTS, OUTPUTS, TILE_OUT,
                16 if CHANNELS else max(16, min(32, BLOCK_OUT)), BLOCK_OUT, PRECISION,
            )  # fmt: skip


@triton.jit(do_not_specialize=["samples"])
def whole(
    images,
    features,
    hidden,
    pooled,
    weights,
    numbers,
    scales,
    kept,
    counts,
    channel_scale,
    logits,
    taken,
    samples,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    IMAGE_CHANNELS: tl.constexpr,
    CHANNELS: tl.constexpr,
    TILE: tl.constexpr,
    FEATURES: tl.constexpr,
    HIDDEN: tl.constexpr,
    POOLED: tl.constexpr,
    WIDEST: tl.constexpr,
    SEGMENTS: tl.constexpr,
    EXITS: tl.constexpr,
    RULE: tl.constexpr,
    LAST: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Grid: samples. ``EXITS``: behind each segment one or none. ``LAST``: classes, for ``answer``, blocks, exits."""
    sample = tl.program_id(0).to(tl.int64)
    features += sample * FEATURES
    hidden += sample * HIDDEN
    pooled += sample * POOLED
    logits += sample * LAST[0]
    convolve_map(
        images + sample * HEIGHT * WIDTH * IMAGE_CHANNELS, weights, numbers, features, 1.0, None, IMAGE_CHANNELS, None,
        CHANNELS, None, pooled, "relu", HEIGHT, WIDTH, 1, IMAGE_CHANNELS, CHANNELS, TILE, 16,
        max(16, triton.next_power_of_2(CHANNELS)), PRECISION,
    )  # fmt: skip
    last, row = -1, 0
    for number in tl.static_range(len(SEGMENTS)):
        run_blocks(
            features, hidden, pooled, weights, numbers, scales, kept + sample * WIDEST, counts + sample, channel_scale,
            sample, samples, PRECISION, *SEGMENTS[number],
        )  # fmt: skip
        if len(EXITS[number]) > 0:
            leaves, last, row = try_exit(
                features, numbers, logits, taken, scales, sample, samples, last, row, RULE, LAST[0], LAST[2],
                *EXITS[number],
            )  # fmt: skip
            if leaves:
                return
    answer(pooled, numbers, logits, LAST[0], *LAST[1])
    tl.store(taken + sample, LAST[3])
