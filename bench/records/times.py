"""``times.npz``: raw times of the images that were timed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import BadInput

TIMES_FILE = "times.npz"
METHOD, DENSE = "latency_dynamic_ms", "latency_dense_ms"
MOST_TIMES = 10_000_000
"""A file with more is taken for damaged or hostile."""


@dataclass(frozen=True, eq=False)
class ImageTimes:
    """Milliseconds of the first test images, one at a time: medians over rounds, ``[images]``.

    Attributes:
        dense: of the dense backbone, in the same rounds.
    """

    method: NDArray[np.float64]
    dense: NDArray[np.float64]


def read_times(folder: Path, images: int) -> ImageTimes | None:
    """The times in a job's folder; None where there are none.

    Args:
        images: that were tested; no more can have been timed.

    Raises:
        BadInput: the file cannot be read, or holds something else.
    """
    path = folder / TIMES_FILE
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as raw:
            times = [raw[name] for name in (METHOD, DENSE)]
    except Exception as error:  # numpy, zipfile and zlib report damage by many exception types
        raise BadInput(f"cannot read {path}: {error}") from error
    shape = times[0].shape
    if len(shape) != 2 or not 0 < shape[1] <= images or not 0 < shape[0] * shape[1] <= MOST_TIMES:
        raise BadInput(f"{path} holds no times of {images} images or fewer")
    if times[1].shape[1:] != shape[1:] or any(one.dtype.kind != "f" or not np.isfinite(one).all() for one in times):
        raise BadInput(f"{path} holds other things than times")
    return ImageTimes(*(np.median(one, axis=0) for one in times))
