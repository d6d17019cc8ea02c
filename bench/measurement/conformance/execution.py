"""Checks of execution: what is skipped changes no answer, and the MACs that are left are those that are counted."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from bench.execution import native_obstacle, to_inference
from bench.execution.native import targets
from bench.execution.skipping import lower
from bench.execution.triton import interpreting, missing, unknown_to_kernels
from bench.measurement.conformance.comparison import require, require_same, run, see, see_apart
from bench.measurement.conformance.subjects import IMAGES, Subject, images_of_noise
from bench.measurement.counting import count_each
from bench.measurement.forced import opened
from bench.networks.cascade import parts_of
from bench.networks.network import DynamicNetwork

INTERPRETED = 2
"""Images that kernels are interpreted for: each takes seconds."""


def check_skipping(subject: Subject) -> str:
    """Skipping execution predicts, decides and costs what masked execution does, in any order and batch."""
    network, images = subject.network(), images_of_noise()
    masked, skipping = see(network, images), lower(network)
    order = torch.randperm(IMAGES)
    require_same(masked[order], see(skipping, images[order]))
    return require_same(masked, see_apart(skipping, images))


def check_native(subject: Subject) -> str:
    """So does the compiled executor, where it runs the network."""
    network, images = subject.network(), images_of_noise()
    reason = "it was not built here" if not targets() else native_obstacle(network)
    if reason:
        return f"runs in PyTorch: {reason}"
    masked, native = see(network, images), to_inference(network, "native")
    require_same(masked, see(native, images))
    return require_same(masked, see_apart(native, images))


def check_triton(subject: Subject) -> str:
    """So do kernels on a GPU; on a CPU, where ``TRITON_INTERPRET=1`` has them interpreted, for a few images."""
    network, images = subject.network(), images_of_noise()
    reason = missing() or next(filter(None, map(unknown_to_kernels, parts_of(network))), None)
    if reason:
        return f"runs in PyTorch: {reason}"
    if interpreting():
        images = images[:INTERPRETED]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    masked, triton = see(network, images), to_inference(copy.deepcopy(network).to(device), "triton")
    require_same(masked, see(triton, images.to(device)).to("cpu"))
    return require_same(masked, see_apart(triton, images.to(device)).to("cpu"))


def check_count(subject: Subject) -> str:
    """MACs of every image are those that PyTorch's FLOP counter sees skipping execution spend."""
    network, images = subject.network(), images_of_noise()
    if lower(network).execution == "masked":
        return _check_dense_count(network, images)
    claimed = network.cost(run(network, images)).total.round().long().tolist()
    counted = count_each(network, images)
    wrong = [index for index in range(IMAGES) if claimed[index] != counted[index]]
    require(not wrong, f"image {wrong and wrong[0]}: we say {claimed}, an independent counter {counted}")
    return f"{IMAGES} images, {len(set(counted))} different costs, equal to the last MAC"


def _check_dense_count(network: DynamicNetwork, images: Tensor) -> str:
    """Masked execution spends what it would save; the full counts that its shares multiply can still be compared."""
    full = DynamicNetwork(opened(network.backbone, True))
    counted = count_each(full.eval(), images[:1])[0]
    expected = network.backbone_cost.total
    require(counted == expected, f"we say {expected} with everything computed, an independent counter {counted}")
    return f"masked execution: only the full count could be compared, {expected}"
