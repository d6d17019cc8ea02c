"""The classifier: from pooled features to logits."""

import triton
import triton.language as tl

from bench.execution.triton.kernels.gate import score


@triton.jit(do_not_specialize=["begin"])
def classify(
    pooled,
    alive,
    weight,
    bias,
    logits,
    begin,
    AREA: tl.constexpr,
    TILES: tl.constexpr,
    CHANNELS: tl.constexpr,
    CLASSES: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """Grid: samples, chunks of classes. Samples that have answered keep their answer."""
    sample = (begin + tl.program_id(0)).to(tl.int64)
    if alive is not None:
        if tl.load(alive + sample) < 0:
            return
    first = tl.program_id(1) * BLOCK_K
    own = pooled + sample * TILES * CHANNELS
    total = score(own, weight, bias, AREA, TILES, CHANNELS, CLASSES, BLOCK_T, BLOCK_C, BLOCK_K, first)
    output = first + tl.arange(0, BLOCK_K)
    tl.store(logits + sample * CLASSES + output, total, mask=output < CLASSES)
