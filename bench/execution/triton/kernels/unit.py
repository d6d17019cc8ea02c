"""A unit of a residual branch for the samples that execute the block: convolution, folded norm, and what follows it."""

import triton
import triton.language as tl

from bench.execution.triton.kernels.tile import add_up, convolve


@triton.jit
def unit_tile(
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
    tile,
    chunk,
    ROLE: tl.constexpr,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    STRIDE: tl.constexpr,
    SIZE: tl.constexpr,
    INPUTS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_IN: tl.constexpr,
    BLOCK_OUT: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """One tile of pixels and one chunk of outputs, for one sample; all pointers are to what is that sample's own.

    ``ROLE``: ``relu`` ends in one; ``add`` adds ``scale`` times the result to the target, then a ReLU; ``shortcut``
    ends in a ReLU only where nothing will be added, since ``scale`` is zero.
    """
    pixels_out: tl.constexpr = ((HEIGHT - 1) // STRIDE + 1) * ((WIDTH - 1) // STRIDE + 1)
    pixels = tile * BLOCK_P + tl.arange(0, BLOCK_P)
    place = chunk * BLOCK_OUT + tl.arange(0, BLOCK_OUT)
    wanted = place < count_out
    channel = place
    if kept_out is not None:
        channel = tl.load(kept_out + place, mask=wanted, other=0)
    total = convolve(
        source, weight, kept_in, count_in, pixels, channel, wanted,
        HEIGHT, WIDTH, STRIDE, SIZE, INPUTS, OUTPUTS, BLOCK_IN, PRECISION,
    )  # fmt: skip
    total += tl.load(bias + channel, mask=wanted, other=0.0)[None, :]
    there = (pixels < pixels_out)[:, None] & wanted[None, :]
    address = target + pixels[:, None] * OUTPUTS + place[None, :]
    if ROLE == "add":
        total = tl.load(address, mask=there, other=0.0).to(tl.float32) + scale * total
    if ROLE != "shortcut" or scale == 0:
        total = tl.maximum(total, 0.0)
    if kept_out is not None:
        total *= tl.load(channel_scale + channel, mask=wanted, other=0.0)[None, :]
    tl.store(address, total.to(target.dtype.element_ty), mask=there)
    if pooled is not None:
        add_up(total, pixels, pooled, tile, channel, wanted, pixels_out, OUTPUTS)


@triton.jit(do_not_specialize=["begin"])
def unit(
    source,
    weight,
    bias,
    target,
    scales,
    kept_in,
    kept_out,
    counts,
    channel_scale,
    pooled,
    begin,
    ROLE: tl.constexpr,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    STRIDE: tl.constexpr,
    SIZE: tl.constexpr,
    INPUTS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_IN: tl.constexpr,
    BLOCK_OUT: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Grid: tiles of pixels, chunks of outputs, samples. Samples that skip the block leave at once."""
    pixels_out: tl.constexpr = ((HEIGHT - 1) // STRIDE + 1) * ((WIDTH - 1) // STRIDE + 1)
    sample = (begin + tl.program_id(2)).to(tl.int64)
    scale = 1.0
    if scales is not None:
        scale = tl.load(scales + sample)
    if scale < 0:
        return
    if ROLE != "shortcut":
        if scale == 0:
            return
    count_in, count_out = INPUTS, OUTPUTS
    if kept_in is not None:
        kept_in += sample * INPUTS
        count_in = tl.load(counts + sample)
    if kept_out is not None:
        kept_out += sample * OUTPUTS
        channel_scale += sample * OUTPUTS
        count_out = tl.load(counts + sample)
        if tl.program_id(1) * BLOCK_OUT >= count_out:
            return
    if pooled is not None:
        pooled += sample * tl.cdiv(pixels_out, BLOCK_P) * OUTPUTS
    unit_tile(
        source + sample * HEIGHT * WIDTH * INPUTS, weight, bias, target + sample * pixels_out * OUTPUTS, scale,
        kept_in, count_in, kept_out, count_out, channel_scale, pooled, tl.program_id(0), tl.program_id(1),
        ROLE, HEIGHT, WIDTH, STRIDE, SIZE, INPUTS, OUTPUTS, BLOCK_P, BLOCK_IN, BLOCK_OUT, PRECISION,
    )  # fmt: skip
