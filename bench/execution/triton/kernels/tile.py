"""A tile of a convolution, as a matrix product over taps and input channels: what every kernel is made of."""

import triton
import triton.language as tl


@triton.jit
def convolve(
    source,
    weight,
    kept,
    count,
    pixels,
    outputs,
    wanted,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    STRIDE: tl.constexpr,
    SIZE: tl.constexpr,
    INPUTS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    BLOCK_IN: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Sums ``[pixels, outputs]`` of one image, without bias.

    Where ``kept`` is given the source holds only ``count`` channels, one behind the other, and ``kept`` says which; the
    loop runs over these alone.
    """
    taps: tl.constexpr = SIZE * SIZE
    columns_out: tl.constexpr = (WIDTH - 1) // STRIDE + 1
    pixels_out: tl.constexpr = ((HEIGHT - 1) // STRIDE + 1) * columns_out
    total = tl.zeros([pixels.shape[0], outputs.shape[0]], tl.float32)
    lane = tl.arange(0, BLOCK_IN)
    first_row = pixels // columns_out * STRIDE - SIZE // 2
    first_column = pixels % columns_out * STRIDE - SIZE // 2
    corner = source + ((first_row * WIDTH + first_column) * INPUTS)[:, None] + lane[None, :]
    for step in range(tl.cdiv(count, BLOCK_IN) * taps):
        tap, first = step % taps, step // taps * BLOCK_IN
        down, right = tap // SIZE, tap % SIZE
        channel = first + lane
        held = channel < count
        if kept is not None:
            channel = tl.load(kept + channel, mask=held, other=0)
        row, column = first_row + down, first_column + right
        inside = (row >= 0) & (row < HEIGHT) & (column >= 0) & (column < WIDTH) & (pixels < pixels_out)
        x = tl.load(corner + ((down * WIDTH + right) * INPUTS + first), mask=inside[:, None] & held[None, :], other=0.0)
        w = tl.load(
            weight + (tap * INPUTS + channel)[:, None] * OUTPUTS + outputs[None, :],
            mask=held[:, None] & wanted[None, :],
            other=0.0,
        )
        total = tl.dot(x, w, total, input_precision=PRECISION)
    return total


@triton.jit
def add_up(values, pixels, pooled, tile, channels, wanted, PIXELS: tl.constexpr, CHANNELS: tl.constexpr):
    """Writes the sum of each channel over the pixels of one tile: what the next gate pools."""
    sums = tl.sum(tl.where(pixels[:, None] < PIXELS, values, 0.0), 0)
    tl.store(pooled + tile * CHANNELS + channels, sums, mask=wanted)
