"""Rules by which a sample stops at an exit: those of :mod:`bench.networks.stopping`."""

import triton
import triton.language as tl


@triton.jit
def rate(logits, last, row, RULE: tl.constexpr, CLASSES: tl.constexpr, BLOCK_K: tl.constexpr):
    """How sure ``logits`` ``[BLOCK_K]`` are, by ``RULE``; their class; and how many exits in a row have said it.

    ``confidence``: log-odds of the class. ``entropy``: of the softmax, negative. ``patience``: the exits in a row, and
    among equally many the softmax of the class. ``last`` and ``row`` are what the exit before said; the first: -1, 0.
    """
    output = tl.arange(0, BLOCK_K)
    held = tl.where(output < CLASSES, logits, float("-inf"))
    top, place = tl.max(held, 0), tl.argmax(held, 0)
    row = tl.where(place == last, row + 1, 1)
    if RULE == "confidence":
        others = tl.where(output == place, float("-inf"), held)
        second = tl.max(others, 0)
        score = top - second - tl.log(tl.sum(tl.exp(others - second), 0))
    else:
        total = tl.sum(tl.exp(held - top), 0)
        if RULE == "entropy":
            log_p = tl.where(output < CLASSES, held - top - tl.log(total), 0.0)
            score = tl.sum(tl.where(output < CLASSES, tl.exp(log_p) * log_p, 0.0), 0)
        else:
            score = row + 1 / total
    return score, place, row
