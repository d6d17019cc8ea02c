"""Probes: how well a small classifier tells, from what a gate sees at each depth, that a network will be wrong.

A gate in front of a block knows pooled statistics of the block's input and nothing else. Probes on intermediate
features are after Alain and Bengio, "Understanding intermediate layers using linear classifier probes" (2016).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.data import DataSet, Split
from bench.networks.blocks import Backbone
from bench.networks.cost import BackboneCost
from bench.statistics import area_under_roc

Features = NDArray[np.float32]


@torch.inference_mode()
def block_features(backbone: Backbone, data: DataSet, split: Split) -> list[Features]:
    """Mean and standard deviation of each channel at each block's input, and behind the last block.

    Returns:
        ``blocks + 1`` arrays ``[N, 2 C]``, in the order of ``split``.
    """
    seen: list[list[Tensor]] = [[] for _ in range(len(backbone.blocks) + 1)]

    def remember(depth: int) -> Callable:
        return lambda module, inputs, *output: seen[depth].append(_pooled(output[0] if output else inputs[0]))

    hooks = [block.register_forward_pre_hook(remember(depth)) for depth, block in enumerate(backbone.blocks)]
    hooks.append(backbone.blocks[-1].register_forward_hook(remember(len(backbone.blocks))))
    try:
        backbone.eval()
        for images, _ in split.batches(data.evaluation_batch):
            backbone(data.normalise(images))
    finally:
        for hook in hooks:
            hook.remove()
    return [torch.cat(parts).numpy() for parts in seen]


def macs_before(cost: BackboneCost) -> list[int]:
    """MACs spent on an image before each block's input, and before the classifier: one entry per depth."""
    blocks = [block.branch + block.shortcut for block in cost.blocks]
    return [cost.stem + sum(blocks[:depth]) for depth in range(len(blocks) + 1)]


def probe(
    seen: Features, wrong: NDArray[np.bool_], new: Features, new_wrong: NDArray[np.bool_]
) -> tuple[float, float] | None:
    """Areas under the ROC curve on ``new`` images of probes that learnt from ``seen`` ones: linear, boosted trees.

    None where no image, or every one, is wrong: there is nothing to tell apart.
    """
    if len(set(wrong)) < 2 or len(set(new_wrong)) < 2:
        return None
    # Imported on demand: scikit-learn takes seconds.
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    # Few steps, few leaves: wrong images are rare, and a few thousand images are quickly learnt by heart.
    trees = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.05, max_leaf_nodes=8, random_state=0)
    areas = [area_under_roc(model.fit(seen, wrong).predict_proba(new)[:, 1], new_wrong) for model in (linear, trees)]
    return None if areas[0] is None or areas[1] is None else (areas[0], areas[1])


def _pooled(x: Tensor) -> Tensor:
    return torch.cat([x.mean((2, 3)), x.flatten(2).std(2)], 1).cpu()
