"""Weights from files of many kinds: our own layout, that of public CIFAR ResNets, timm's and torchvision's."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.errors import BadInput
from bench.networks.backbones.cifar import public_names
from bench.networks.blocks import Backbone

WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params")
"""Keys under which training programs put the weights, beside epochs and accuracies."""
AVERAGES = ("state_dict_ema", "model_ema", "ema", "ema_state_dict", "ema_model", "model_ema_state_dict", "params_ema")
"""Keys of an exponential moving average of the weights."""
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.")
"""What ``DataParallel``, ``torch.compile``, Lightning and our own dynamic networks put before each name."""
COUNTERS = ("total_ops", "total_params")
"""Buffers that counters of MACs leave behind."""
CLASSIFIERS = ("classifier.bias", "fc.bias", "linear.bias", "head.fc.bias", "head.bias", "_fc.bias")
SHOWN = 3
"""Names in a refusal."""


def load_weights(backbone: Backbone, path: Path, own_classifier: bool = False) -> None:
    """Loads weights without running a checkpoint's code: our layout, that of public CIFAR ResNets, or timm's.

    Args:
        own_classifier: whether the backbone keeps its own classifier, and that in ``path`` is left out.

    Raises:
        BadInput: no such file, not a checkpoint, or one for another network.
    """
    found = _read(path)
    if own_classifier:
        found |= _own_classifier(backbone, found)
    names = dict.fromkeys(found) if _is_ours(backbone, found) else _public_names(backbone, found)
    theirs = {ours or name: name for name, ours in names.items()}
    if len(theirs) < len(names):
        twice = [name for name, ours in names.items() if theirs[ours or name] != name]
        raise BadInput(f"{path} does not hold weights of {backbone.name}: {twice[0]} stands in it under two names")
    expected = backbone.state_dict()
    # Checkpoints from before torch 0.4.1 do not count batches; nothing here depends on that number.
    state = {key: value for key, value in expected.items() if _counts_batches(key)}
    state |= {ours: found[name] for ours, name in theirs.items()}
    if unlike := _difference(expected, state, theirs):
        raise BadInput(f"{path} does not hold weights of {backbone.name}: {unlike}")
    backbone.load_state_dict(state)


def count_outputs(path: Path) -> int:
    """Number of classes that the weights in ``path`` tell apart.

    Raises:
        BadInput: no such file, not a checkpoint, or one without a classifier.
    """
    state = _read(path)
    if name := _classifier(state):
        return len(state[f"{name}.bias"])
    raise BadInput(f"{path} holds no classifier (none of {', '.join(CLASSIFIERS)}): {_listed(state)}")


def foreign_outputs(path: Path, classes: int) -> int:
    """Number of classes that the weights in ``path`` tell apart where it is known not to be ``classes``, else 0.

    Raises:
        BadInput: no such file, or not a checkpoint.
    """
    state = _read(path)
    name = _classifier(state)
    outputs = len(state[f"{name}.bias"]) if name else classes
    return 0 if outputs == classes else outputs


def unread_average(path: Path) -> str:
    """The key of a moving average of the weights that lies beside them in ``path`` and is not read; empty: none.

    Raises:
        BadInput: no such file, or not a checkpoint.
    """
    content = _content(path)
    held = content.keys() if isinstance(content, Mapping) else ()
    return next((key for key in AVERAGES if key in held), "")


def _classifier(state: Mapping[str, Tensor]) -> str:
    """The name of the classifier in ``state``; empty where none of the usual ones is there."""
    known = (place for name in CLASSIFIERS for place in (name, f"behind.{name}") if place in state)
    return next(known, "").removesuffix(".bias")


def _own_classifier(backbone: Backbone, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The backbone's classifier under its name in ``state``; empty where that reads other features."""
    name = _classifier(state)
    ours = [module for module in backbone.tail.modules() if isinstance(module, nn.Linear)][-1]
    theirs = state.get(f"{name}.weight")
    if theirs is None or theirs.shape[1:] != ours.weight.shape[1:]:
        return {}
    return {f"{name}.{key}": value.detach() for key, value in ours.named_parameters()}


def _is_ours(backbone: Backbone, state: Mapping[str, Tensor]) -> bool:
    if backbone.published:
        return not state.keys().isdisjoint(backbone.published.values())
    return any(key.startswith("blocks.") for key in state)


def _public_names(backbone: Backbone, state: Mapping[str, Tensor]) -> dict[str, str]:
    """What each weight in ``state`` is called here; a name that is not known stays."""
    if backbone.published:
        known = any(name in backbone.published for name in state)
        return {name: backbone.published.get(name, name) for name in state} if known else _in_order(backbone, state)
    if backbone.image_shape[1] > 32:
        # Imported on demand: timm takes its time, and most commands build no network of it.
        modules = import_module("bench.networks.backbones.imagenet").timm_names(backbone.name)
    else:
        modules = public_names(backbone)
    parts = {name: name.rpartition(".") for name in state}
    return {name: f"{modules.get(module, module)}.{last}" for name, (module, _, last) in parts.items()}


def _in_order(backbone: Backbone, state: Mapping[str, Tensor]) -> dict[str, str]:
    """What weights are called here that stand in the order of the published ones, each of the same kind and shape."""
    expected = backbone.state_dict()
    theirs = [name for name in state if not _counts_batches(name)]
    ours = [name for name in backbone.published.values() if not _counts_batches(name)]

    def described(name: str, values: Mapping[str, Tensor]) -> tuple:
        return name.rpartition(".")[2], values[name].shape

    if [described(name, state) for name in theirs] != [described(name, expected) for name in ours]:
        return {name: name for name in state}
    return dict(zip(theirs, ours))


def _difference(expected: Mapping[str, Tensor], state: Mapping[str, Tensor], theirs: Mapping[str, str]) -> str:
    """What of ``state`` does not fit, by the names in the file; empty where all does."""
    unknown = [theirs[name] for name in state if name not in expected]
    missing = [name for name in expected if name not in state]
    if unknown or missing:
        return "; ".join(
            [f"it holds {_listed(unknown)}"] * bool(unknown) + [f"it lacks {_listed(missing)}"] * bool(missing)
        )
    unlike = [name for name, value in expected.items() if value.shape != state[name].shape]
    if not unlike:
        return ""
    sizes = (" x ".join(map(str, values[unlike[0]].shape)) for values in (state, expected))
    return "{} is {}, expected {}".format(theirs[unlike[0]], *sizes)


def _listed(names) -> str:
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _read(path: Path) -> dict[str, Tensor]:
    """The weights in ``path`` by their bare names."""
    state = _unwrapped(_content(path), path)
    if not isinstance(state, Mapping) or not state or not all(isinstance(name, str) for name in state):
        raise BadInput(f"{path} is no checkpoint of weights")
    kept = {name: value for name, value in state.items() if name.rpartition(".")[2] not in COUNTERS}
    if any(name.startswith("backbone.") for name in kept):
        kept = {name: value for name, value in kept.items() if not name.startswith("router.")}
    for name, value in kept.items():
        if fault := _fault(name, value):
            raise BadInput(f"{path} is no checkpoint of weights: {name} {fault}")
    return _without_prefixes(kept)


def _unwrapped(content: object, path: Path) -> object:
    while isinstance(content, Mapping):
        inner = [key for key in WRAPPERS if isinstance(content.get(key), Mapping)]
        if len(inner) > 1:
            raise BadInput(f"{path} holds several networks ({', '.join(inner)}): give a file with one")
        if not inner:
            break
        content = content[inner[0]]
    return content


def _without_prefixes(state: dict[str, Tensor]) -> dict[str, Tensor]:
    while prefix := next((one for one in PREFIXES if state and all(name.startswith(one) for name in state)), ""):
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _fault(name: str, value: object) -> str:
    """Why ``value`` is no weight; empty where it is one."""
    if not isinstance(value, Tensor):
        return f"is a {type(value).__name__}"
    if value.is_meta or value.layout != torch.strided:
        return "holds no values" if value.is_meta else "is sparse"
    if _counts_batches(name):
        return ""
    if not value.is_floating_point():
        return f"holds {str(value.dtype).removeprefix('torch.')} instead of floating-point numbers"
    return "" if torch.isfinite(value.double()).all() else "holds values that are no numbers"


def _counts_batches(name: str) -> bool:
    return name.endswith("num_batches_tracked")


def _content(path: Path) -> object:
    try:
        return load_file(path) if path.suffix == ".safetensors" else _unpickled(path)
    except FileNotFoundError as error:
        raise BadInput(f"no checkpoint {path}") from error
    except (SafetensorError, OSError) as error:
        raise BadInput(f"cannot read checkpoint {path}: {error}") from error
    except Exception as error:  # torch.load reports damage and refused code by many exception types
        raise BadInput(f"cannot read checkpoint {path}: it is damaged or holds more than weights") from error


def _unpickled(path: Path) -> object:
    """What ``torch.load`` reads without running code; NumPy's plain numbers, as of an accuracy, may lie beside it."""
    scalar: Any = getattr(np, "_core").multiarray.scalar  # noqa: B009 (private, and in no stub)
    numbers = {type(np.dtype(kind)) for kind in (bool, np.int32, np.int64, np.float32, np.float64)}
    harmless = [scalar, (scalar, "numpy.core.multiarray.scalar"), np.dtype, *numbers]
    # What it warns of it then refuses in so many words.
    with warnings.catch_warnings(action="ignore"), torch.serialization.safe_globals(harmless):
        return torch.load(path, map_location="cpu", weights_only=True)
