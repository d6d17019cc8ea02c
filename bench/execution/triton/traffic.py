"""Bytes that launches read and write, beside the least that anybody could: counted, not measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from bench.execution.triton.launch import Launch
from bench.execution.triton.maps import Answers, Map

PARAMETERS = ("weight", "bias", "layer_weight", "layer_bias", "channel_weight", "channel_bias", "weights", "numbers")
"""Names of what is read once for a whole batch, whoever reads it."""


def moved_bytes(launches: Iterable[object]) -> float:
    """What one pass over a batch reads and writes of features and sums, and all parameters once.

    Counted for the decisions that the last pass left behind. Each launch reads its input and writes its output once:
    that tiles read their borders twice, and what caches keep between launches, is left out, and so are gates that are
    called in PyTorch. A network in one launch is counted by what has to pass its borders.
    """
    known = [launch for launch in launches if isinstance(launch, Launch)]
    return sum(COUNTED[name](given) for name, given in as_it_ran(known)) + parameter_bytes(known)


def floor_bytes(images: Map, answers: Answers, launches: Iterable[object]) -> float:
    """What has to be moved at least: the images, the logits, and all parameters once."""
    known = [launch for launch in launches if isinstance(launch, Launch)]
    return _bytes(images.values) + _bytes(answers.logits) + parameter_bytes(known)


def as_it_ran(launches: Sequence[Launch]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and arguments of each launch, with what was decided when it ran: who left later was still there."""
    exits = [launch.arguments for launch in launches if launch.kernel.__name__ == "leave"]
    passed = 0
    for launch in launches:
        name, given = launch.kernel.__name__, launch.arguments
        if exits and given.get("scales") is exits[0]["alive"]:
            given = given | {"scales": torch.where(exits[0]["taken"] >= passed, 1.0, -1.0)}
        yield name, given
        passed += name == "leave"


def parameter_bytes(launches: Iterable[Launch]) -> float:
    """Of all parameters."""
    tensors = [launch.arguments.get(name) for launch in launches for name in PARAMETERS]
    return sum(_bytes(tensor) for tensor in {id(tensor): tensor for tensor in tensors}.values())


def _bytes(tensor: Tensor | None) -> float:
    return 0 if tensor is None else tensor.numel() * tensor.element_size()


def runs(given: dict[str, Any], samples: int, skipped: bool = False) -> Tensor:
    """Which samples a launch computes, ``[N]``; ``skipped``: those that skip the block among them."""
    scales = given["scales"]
    if scales is None:
        return torch.ones(samples)
    return ((scales >= 0) if skipped else (scales > 0)).float().cpu()


def _unit(given: dict[str, Any]) -> float:
    source, target = given["source"], given["target"]
    computed = runs(given, len(source), given["ROLE"] == "shortcut")
    counts, one = None if given["counts"] is None else given["counts"].float().cpu(), torch.ones_like(computed)
    read = counts / given["INPUTS"] if counts is not None and given["kept_in"] is not None else one
    made = counts / given["OUTPUTS"] if counts is not None and given["kept_out"] is not None else one
    times = 2 if given["ROLE"] == "add" else 1
    per_sample = read * _bytes(source[:1]) + times * made * _bytes(target[:1]) + _bytes_of_sums(given)
    return float((computed * per_sample).sum())


def _bytes_of_sums(given: dict[str, Any]) -> float:
    return 0 if given["pooled"] is None else _bytes(given["pooled"][:1])


def _subsample(given: dict[str, Any]) -> float:
    return _max_pool(given, read=1 / 4)


def _max_pool(given: dict[str, Any], read: float = 1) -> float:
    per_sample = read * _bytes(given["source"][:1]) + _bytes(given["target"][:1]) + _bytes_of_sums(given)
    return float(runs(given, len(given["source"]), skipped=True).sum()) * per_sample


def _leave(given: dict[str, Any]) -> float:
    """Of those who come to this exit: who left before has a lower number."""
    return float((given["taken"] >= given["NUMBER"]).sum()) * _bytes(given["source"][:1])


def _pooled(given: dict[str, Any]) -> float:
    return _bytes(given["pooled"])


def _whole(given: dict[str, Any]) -> float:
    return _bytes(given["images"]) + _bytes(given["logits"])


COUNTED = {
    "unit": _unit,
    "subsample": _subsample,
    "max_pool": _max_pool,
    "decide": _pooled,
    "classify": _pooled,
    "leave": _leave,
    "whole": _whole,
}
"""How features are counted, by the name of the kernel."""
