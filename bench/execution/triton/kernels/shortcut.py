"""The shortcut without parameters: every second pixel, new channels filled with zeros (option A of He et al.)."""

import triton
import triton.language as tl

from bench.execution.triton.kernels.tile import add_up


@triton.jit
def subsample_tile(
    source,
    target,
    pooled,
    tile,
    BEFORE: tl.constexpr,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    INPUTS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_OUT: tl.constexpr,
):
    """One tile of pixels of one sample. What comes out of a ReLU needs no other."""
    columns_out: tl.constexpr = (WIDTH - 1) // 2 + 1
    pixels_out: tl.constexpr = ((HEIGHT - 1) // 2 + 1) * columns_out
    pixels = tile * BLOCK_P + tl.arange(0, BLOCK_P)
    channel = tl.arange(0, BLOCK_OUT)
    read = channel - BEFORE
    there = (pixels < pixels_out)[:, None]
    position = pixels // columns_out * 2 * WIDTH + pixels % columns_out * 2
    held = (read >= 0) & (read < INPUTS)
    x = tl.load(source + position[:, None] * INPUTS + read[None, :], mask=there & held[None, :], other=0.0)
    wanted = channel < OUTPUTS
    tl.store(target + pixels[:, None] * OUTPUTS + channel[None, :], x, mask=there & wanted[None, :])
    add_up(x.to(tl.float32), pixels, pooled, tile, channel, wanted, pixels_out, OUTPUTS)


@triton.jit(do_not_specialize=["begin"])
def subsample(
    source,
    target,
    scales,
    pooled,
    begin,
    BEFORE: tl.constexpr,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    INPUTS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_OUT: tl.constexpr,
):
    """Grid: tiles of pixels, samples. Runs for samples that skip the block too, not for those that have answered."""
    pixels_out: tl.constexpr = ((HEIGHT - 1) // 2 + 1) * ((WIDTH - 1) // 2 + 1)
    sample = (begin + tl.program_id(1)).to(tl.int64)
    if scales is not None:
        if tl.load(scales + sample) < 0:
            return
    subsample_tile(
        source + sample * HEIGHT * WIDTH * INPUTS, target + sample * pixels_out * OUTPUTS,
        pooled + sample * tl.cdiv(pixels_out, BLOCK_P) * OUTPUTS, tl.program_id(0),
        BEFORE, HEIGHT, WIDTH, INPUTS, OUTPUTS, BLOCK_P, BLOCK_OUT,
    )  # fmt: skip
