"""The max pool behind the stem of ImageNet's networks: 3 x 3, every second pixel."""

import triton
import triton.language as tl

from bench.execution.triton.kernels.tile import add_up


@triton.jit(do_not_specialize=["begin"])
def max_pool(
    source,
    target,
    scales,
    pooled,
    begin,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_OUT: tl.constexpr,
):
    """Grid: tiles of pixels, chunks of channels, samples. Behind a ReLU, zeros around the map change nothing."""
    columns_out: tl.constexpr = (WIDTH - 1) // 2 + 1
    pixels_out: tl.constexpr = ((HEIGHT - 1) // 2 + 1) * columns_out
    sample, tile = (begin + tl.program_id(2)).to(tl.int64), tl.program_id(0)
    if scales is not None:
        if tl.load(scales + sample) < 0:
            return
    pixels = tile * BLOCK_P + tl.arange(0, BLOCK_P)
    channel = tl.program_id(1) * BLOCK_OUT + tl.arange(0, BLOCK_OUT)
    wanted = channel < CHANNELS
    there = (pixels < pixels_out)[:, None] & wanted[None, :]
    largest = tl.zeros([BLOCK_P, BLOCK_OUT], tl.float32)
    for tap in range(9):
        row = pixels // columns_out * 2 + tap // 3 - 1
        column = pixels % columns_out * 2 + tap % 3 - 1
        inside = (row >= 0) & (row < HEIGHT) & (column >= 0) & (column < WIDTH)
        position = (sample * HEIGHT + row) * WIDTH + column
        x = tl.load(source + position[:, None] * CHANNELS + channel[None, :], mask=there & inside[:, None], other=0.0)
        largest = tl.maximum(largest, x.to(tl.float32))
    address = target + (sample * pixels_out + pixels[:, None]) * CHANNELS + channel[None, :]
    tl.store(address, largest.to(target.dtype.element_ty), mask=there)
    sums = pooled + sample * tl.cdiv(pixels_out, BLOCK_P) * CHANNELS
    add_up(largest, pixels, sums, tile, channel, wanted, pixels_out, CHANNELS)
