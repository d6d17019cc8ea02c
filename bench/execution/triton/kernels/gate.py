"""The gates of a block: linear functions of its pooled input, their thresholds, and the list of the channels kept."""

import triton
import triton.language as tl


@triton.jit
def mean(pooled, channel, AREA: tl.constexpr, TILES: tl.constexpr, CHANNELS: tl.constexpr, BLOCK_T: tl.constexpr):
    """The average of each ``channel``, from the sums of tiles."""
    tile = tl.arange(0, BLOCK_T)
    there = (tile < TILES)[:, None] & (channel < CHANNELS)[None, :]
    return tl.sum(tl.load(pooled + tile[:, None] * CHANNELS + channel[None, :], mask=there, other=0.0), 0) / AREA


@triton.jit
def score(
    pooled,
    weight,
    bias,
    AREA: tl.constexpr,
    TILES: tl.constexpr,
    CHANNELS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_K: tl.constexpr,
    first,
):
    """``[BLOCK_K]`` outputs from ``first`` on of a linear layer on the averages; weights ``[CHANNELS, OUTPUTS]``."""
    output = first + tl.arange(0, BLOCK_K)
    total = tl.load(bias + output, mask=output < OUTPUTS, other=0.0)
    for start in range(0, CHANNELS, BLOCK_C):
        channel = start + tl.arange(0, BLOCK_C)
        features = mean(pooled, channel, AREA, TILES, CHANNELS, BLOCK_T)
        there = (channel < CHANNELS)[:, None] & (output < OUTPUTS)[None, :]
        w = tl.load(weight + channel[:, None] * OUTPUTS + output[None, :], mask=there, other=0.0)
        total += tl.sum(features[:, None] * w, 0)
    return total


@triton.jit
def steps_of_menu(total, INNER: tl.constexpr, MENU: tl.constexpr, BLOCK_S: tl.constexpr, BLOCK_K: tl.constexpr):
    """Scores of the channels ``[BLOCK_K]``: the least of those of a channel's step of the menu and the steps before."""
    step = tl.arange(0, BLOCK_S)[:, None]
    channel = tl.arange(0, BLOCK_K)[None, :]
    before = step <= channel // (INNER // MENU)
    return tl.min(tl.where(before & (step < MENU), total[:, None], float("inf")), 0)


@triton.jit
def list_kept(scores, kept, counts, channel_scale, INNER: tl.constexpr, BLOCK_K: tl.constexpr):
    """Writes which channels of one sample have positive scores, how many, and the scale of all."""
    channel = tl.arange(0, BLOCK_K)
    wanted = channel < INNER
    chosen = wanted & (scores > 0)
    place = tl.cumsum(chosen.to(tl.int32), 0) - 1
    tl.store(kept + place, channel, mask=chosen)
    tl.store(counts, tl.sum(chosen.to(tl.int32), 0))
    tl.store(channel_scale + channel, tl.clamp(scores, 0.0, 1.0), mask=wanted)


@triton.jit(do_not_specialize=["begin"])
def decide(
    pooled,
    alive,
    layer_weight,
    layer_bias,
    channel_weight,
    channel_bias,
    scales,
    kept,
    counts,
    channel_scale,
    begin,
    AREA: tl.constexpr,
    TILES: tl.constexpr,
    CHANNELS: tl.constexpr,
    INNER: tl.constexpr,
    MENU: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_S: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """Grid: samples. Channels are asked about only where the block runs."""
    sample = (begin + tl.program_id(0)).to(tl.int64)
    if alive is not None:
        if tl.load(alive + sample) < 0:
            tl.store(scales + sample, -1.0)
            return
    pooled += sample * TILES * CHANNELS
    scale = 1.0
    if layer_weight is not None:
        first = score(pooled, layer_weight, layer_bias, AREA, TILES, CHANNELS, 1, BLOCK_T, BLOCK_C, 1, 0)
        scale = tl.sum(tl.clamp(first, 0.0, 1.0), 0)
    tl.store(scales + sample, scale)
    if channel_weight is not None:
        if scale > 0:
            outputs: tl.constexpr = MENU if MENU else INNER
            total = score(
                pooled, channel_weight, channel_bias, AREA, TILES, CHANNELS, outputs, BLOCK_T, BLOCK_C, BLOCK_S, 0
            )
            if MENU:
                total = steps_of_menu(total, INNER, MENU, BLOCK_S, BLOCK_K)
            own = sample * INNER
            list_kept(total, kept + own, counts + sample, channel_scale + own, INNER, BLOCK_K)
