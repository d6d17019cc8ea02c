"""Dynamic networks of one's own: run as they are, without training, and asked what each image cost them."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.choices import METHODS, NETWORKS
from bench.choices.entries import LETTERS, NAME
from bench.errors import BadInput
from bench.networks.cost import BackboneCost, SampleCost
from bench.networks.decisions import BlockDecision, ExitDecision, LayerDecision, Output, UnitDecision

Spec = str | nn.Module | Callable[[int], nn.Module]
"""``module:factory``, a name of the entry-point group ``bench.networks``, a function of the number of classes, or a
network."""


@dataclass(frozen=True)
class OwnOutput:
    """What a network of one's own returns for images ``[N, 3, H, W]``.

    Attributes:
        logits: ``[N, classes]``.
        macs: ``[N]``, multiply-accumulates that each image cost, gates included.
        gate_macs: ``[N]``, the gates' part of them; None: there are no gates.
        executed: ``[N, blocks]``, 0 or 1: which blocks each image executed.
        kept: ``[N, blocks]``, from 0 to 1: which share of each block.
        exits: ``[N]`` whole numbers: which answer each image gave, 0 the first.
    """

    logits: Tensor
    macs: Tensor
    gate_macs: Tensor | None = None
    executed: Tensor | None = None
    kept: Tensor | None = None
    exits: Tensor | None = None


class OwnNetwork(nn.Module):
    """A network of one's own with the face of ours: ``forward``, ``predict`` and ``cost``.

    Args:
        network: its ``forward`` returns an :class:`OwnOutput`, or anything with these attributes.
        backbone_cost: of the dense network that it is set beside.
    """

    executor = "torch"
    execution = "skipped"

    def __init__(self, name: str, network: nn.Module, classes: int, backbone_cost: BackboneCost):
        super().__init__()
        self.name, self.network, self.classes, self.backbone_cost = name, network, classes, backbone_cost
        self.eval().requires_grad_(False)

    @torch.inference_mode()
    def forward(self, images: Tensor) -> Output:
        """Images ``[N, 3, H, W]`` to what our networks return; what each image cost is in ``state``.

        Raises:
            BadInput: the network fails, or returns something else than an :class:`OwnOutput`.
        """
        try:
            found = self.network(images)
        except Exception as error:  # whatever somebody's network raises
            raise BadInput(f"network {self.name} failed on {len(images)} images: {_told(error)}") from error
        self._require(found, len(images))
        gates = getattr(found, "gate_macs", None)
        macs = found.macs.double()
        cost = SampleCost(macs, torch.zeros_like(macs) if gates is None else gates.double())
        exits = getattr(found, "exits", None)
        taken = None if exits is None else ExitDecision(exits.long())
        return Output(found.logits, tuple(_decisions(found)), cost, taken)

    def predict(self, images: Tensor) -> Tensor:
        """Images ``[N, 3, H, W]`` to logits ``[N, classes]``, and nothing else."""
        with torch.inference_mode():
            return self.network(images).logits

    def cost(self, output: Output) -> SampleCost:
        """MACs of each image, as the network claims them."""
        return output.state

    def _require(self, found: Any, images: int) -> None:
        """Raises BadInput unless ``found`` has the shapes and the values that it must."""
        if not hasattr(found, "logits"):
            what = "with logits and the MACs of each image"
            raise BadInput(f"network {self.name} must return a bench.OwnOutput, {what}, not {type(found).__name__}")
        shapes: dict[str, tuple[int, ...]] = {"logits": (images, self.classes), "macs": (images,)}
        shapes |= dict.fromkeys(("gate_macs", "exits"), (images,))
        for name, shape in shapes.items():
            value = getattr(found, name, None)
            if value is None and name in ("gate_macs", "exits"):
                continue
            if not isinstance(value, Tensor) or tuple(value.shape) != shape:
                said = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise BadInput(f"network {self.name} must return {name} of shape {shape}, not {said}")
            if name != "logits" and not bool((torch.isfinite(value) & (value >= 0)).all()):
                raise BadInput(f"network {self.name} returns {name} that are below 0 or no numbers")
        for name in ("executed", "kept"):
            value = getattr(found, name, None)
            if value is not None and not _are_shares(value, images):
                raise BadInput(f"network {self.name} must return {name} of shape ({images}, blocks), from 0 to 1")
        executed, kept = getattr(found, "executed", None), getattr(found, "kept", None)
        if executed is not None and kept is not None and executed.shape != kept.shape:
            raise BadInput(f"network {self.name} returns executed and kept of different numbers of blocks")


def _are_shares(value: Any, images: int) -> bool:
    if not isinstance(value, Tensor) or value.dim() != 2 or len(value) != images:
        return False
    return bool(((value >= 0) & (value <= 1)).all())


def _decisions(found: Any) -> list[BlockDecision]:
    executed, kept = getattr(found, "executed", None), getattr(found, "kept", None)
    executed = (kept > 0) if executed is None and kept is not None else executed
    if executed is None:
        return []
    layers = [LayerDecision(column, column) for column in executed.float().unbind(1)]
    if kept is None:
        return [BlockDecision(layer) for layer in layers]
    ones = torch.ones(len(kept), dtype=torch.float64, device=kept.device)
    shares = [(UnitDecision(column.double(), ones),) for column in kept.unbind(1)]
    return [BlockDecision(layer, None, units) for layer, units in zip(layers, shares, strict=True)]


def own_name(spec: Spec) -> str:
    """What a network is called: by its factory, its entry or its class.

    Raises:
        BadInput: no name for a folder, or that of a method of ours.
    """
    named = spec.rpartition(":")[2] if isinstance(spec, str) else _called(spec)
    if not NAME.fullmatch(named):
        raise BadInput(f"{named!r} is no name for a network: {LETTERS}")
    if named in METHODS.names():
        raise BadInput(f"{named} is a method of ours: call the network by another name")
    return named


def _called(spec: nn.Module | Callable[[int], nn.Module]) -> str:
    """The name of a class or function; of a partial one with its arguments, as in ``two_looks-threshold-0.2``."""
    if not isinstance(spec, partial):
        return getattr(spec, "__name__", type(spec).__name__)
    given = [*map(str, spec.args), *(f"{name}-{value}" for name, value in spec.keywords.items())]
    return "-".join([_called(spec.func), *given])


def own_module(spec: Spec) -> str:
    """The module that a network is made by."""
    if isinstance(spec, str) and ":" in spec:
        _find_here()
        return spec.partition(":")[0]
    found: Any = NETWORKS.load(spec) if isinstance(spec, str) else spec
    while isinstance(found, partial):
        found = found.func
    if getattr(sys.modules.get(found.__module__), "__file__", None) is None:
        raise BadInput(
            f"network {own_name(spec)} was typed in: put it into a file, so that records can tell its source"
        )
    return found.__module__


def make_own(spec: Spec, weights: Path | None, classes: int) -> nn.Module:
    """The network of ``spec`` with the weights of a file, which holds tensors alone; of a network, a copy.

    Raises:
        BadInput: no such module, factory or entry, or it fails; no network; a file that is not its weights.
    """
    network = _copied(spec) if isinstance(spec, nn.Module) else _made(spec, classes)
    if not isinstance(network, nn.Module):
        raise BadInput(f"network {own_name(spec)} is no torch.nn.Module, but {type(network).__name__}")
    if weights is None:
        return network
    try:
        # Never a pickle: its code would run.
        state = (
            load_file(weights) if weights.suffix == ".safetensors" else torch.load(weights, "cpu", weights_only=True)
        )
        network.load_state_dict(state)
    except Exception as error:  # of safetensors, pickle and torch, as many as there are kinds of damage
        raise BadInput(f"{weights} does not hold the weights of {own_name(spec)}: {_told(error)}") from error
    return network


def _copied(network: nn.Module) -> nn.Module:
    """A copy: measuring turns off training and gradients, and moves weights, which is not the caller's business."""
    try:
        return copy.deepcopy(network)
    except Exception as error:  # of whatever cannot be copied
        raise BadInput(f"network {own_name(network)} cannot be copied: {_told(error)}") from error


def _made(spec: str | Callable[[int], nn.Module], classes: int) -> nn.Module:
    if isinstance(spec, str) and ":" not in spec:
        if spec not in NETWORKS.names():
            known = f"one that is registered ({', '.join(NETWORKS.names()) or 'there is none'})"
            raise BadInput(f"unknown network {spec!r}: give module:factory, or {known}")
        return NETWORKS.load(spec, then=lambda make: make(classes))
    try:
        make = _found(spec) if isinstance(spec, str) else spec
    except Exception as error:  # whatever somebody's module does
        raise BadInput(f"network {spec} cannot be made: {_told(error)}") from error
    try:
        return make(classes)
    except Exception as error:  # and whatever somebody's function does
        called = f"called with the number of classes ({classes}), it raised"
        raise BadInput(f"network {spec} cannot be made: {called} {_told(error)}") from error


def _found(spec: str) -> Callable[[int], nn.Module]:
    module, _, name = spec.partition(":")
    _find_here()
    return getattr(import_module(module), name)


def _find_here() -> None:
    """Has modules of the current folder found, as ``python -m`` does."""
    if (here := os.getcwd()) not in sys.path:
        sys.path.append(here)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
