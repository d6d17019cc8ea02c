"""CIFAR-10H (Peterson et al., "Human uncertainty makes classification more robust", ICCV 2019).

About 50 people named the class of each of CIFAR-10's test images; a row holds the share of them for each class. The
labels are for non-commercial use (CC BY-NC-SA 4.0), so they are no part of this project: whoever wants them downloads
them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.errors import BadInput

DATASET, FILE = "cifar10", "cifar10h-probs.npy"
IMAGES, CLASSES = 10_000, 10
LEAST_AGREEMENT = 0.9
"""People and the official labels agree on 99 % of the images: with less, the rows stand in another order."""
HOW_TO_GET_IT = (
    f"download {FILE} from https://github.com/jcpeterson/cifar-10h (data/{FILE}, for non-commercial use) into "
    "DIR/cifar10h, where DIR is the folder that holds cifar-10-batches-py, or give --human-labels FILE"
)


def find(data_dir: Path | None) -> Path | None:
    """The labels beside the images in ``data_dir``, if they lie there."""
    places = () if data_dir is None else (data_dir / "cifar10h" / FILE, data_dir / FILE)
    return next((path for path in places if path.is_file()), None)


def load(path: Path, indices: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """The shares of people for some test images of CIFAR-10, ``[N, 10]``.

    Args:
        indices: ``[N]``, positions in the test set.
        labels: ``[N]``, their official labels, to tell other files by.

    Raises:
        BadInput: no such file, or one that holds something else.
    """
    try:
        shares = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(f"cannot read human labels {path}: {error}") from error
    if not isinstance(shares, np.ndarray) or shares.shape != (IMAGES, CLASSES) or shares.dtype.kind != "f":
        raise BadInput(f"{path} holds no CIFAR-10H labels: expected {IMAGES:,} rows of {CLASSES} shares")
    if not (shares >= 0).all() or not np.allclose(shares.sum(1), 1, atol=1e-3):
        raise BadInput(f"{path} holds no CIFAR-10H labels: a row is not of shares that sum to 1")
    indices = np.asarray(indices)
    if indices.max() >= IMAGES:
        raise BadInput(f"{path} is about {IMAGES:,} images, there is none with number {indices.max()}")
    if (agreement := float((shares[indices].argmax(1) == np.asarray(labels)).mean())) < LEAST_AGREEMENT:
        raise BadInput(f"{path} names the official class of {agreement:.0%} of the images: it is about other images")
    return shares[indices].astype(float)


def entropy(shares: ArrayLike) -> NDArray[np.float64]:
    """How much people disagree about each image, in bits: 0 where all named one class."""
    shares = np.asarray(shares, float)
    return -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(-1)
