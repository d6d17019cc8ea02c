"""The graph of a network's modules, by ``torch.fx``, and the modules that parts of it make."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from timm.layers import get_notrace_functions, get_notrace_modules, resample_abs_pos_embed
from torch import fx, nn

from bench.errors import BadInput

LEAVES = ("Attention", "SqueezeExcite")
"""Ends of the names of classes that stay whole: what is in them is no residual unit."""
OPEN = ("Mlp",)
"""Layers of timm's that are followed further: their hidden units are channels."""


class _Tracer(fx.Tracer):
    """Follows a network down to its layers."""

    def __init__(self) -> None:
        functions = {one for one in get_notrace_functions() if callable(one)} | {resample_abs_pos_embed}
        super().__init__(autowrap_functions=tuple(functions))

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        kind = type(m)
        if isinstance(m, nn.Sequential | nn.ModuleList) or kind.__name__ in OPEN:
            return False
        is_layer = kind.__module__.startswith(("torch.nn.", "timm.layers."))
        return is_layer or kind in get_notrace_modules() or kind.__name__.endswith(LEAVES)


def trace(model: nn.Module) -> list[fx.Node]:
    """What ``model`` computes, step by step; the first step is the images, the last the logits.

    Raises:
        BadInput: it decides in Python what it computes, so that there is no one graph.
    """
    options = list(inspect.signature(model.forward).parameters.values())[1:]
    given: dict[str, Any] = {one.name: one.default for one in options}
    try:
        graph = _Tracer().trace(model, concrete_args=given)
    except Exception as error:  # whatever the network's own code raises when it meets placeholders
        reason = str(error).partition("\n")[0][:120]
        raise BadInput(f"its graph cannot be read ({type(error).__name__}: {reason})") from error
    (result,) = next(node for node in graph.nodes if node.op == "output").all_input_nodes
    needed = ancestors(result)
    return [node for node in graph.nodes if node in needed and node.op != "get_attr"]


def ancestors(node: fx.Node, until: fx.Node | None = None) -> set[fx.Node]:
    """``node`` and all that it is computed from, as far as ``until``, which is left out."""
    found, waiting = {node} - {until}, [node]
    while waiting:
        fresh = set(waiting.pop().all_input_nodes) - found - {until}
        found |= fresh
        waiting += fresh
    return found


def module_of(model: nn.Module, step: fx.Node) -> nn.Module | None:
    """The module that a step calls; None for a function."""
    return model.get_submodule(str(step.target)) if step.op == "call_module" else None


def holds_weights(model: nn.Module, steps: Sequence[fx.Node]) -> bool:
    """Whether a module that ``steps`` call has parameters."""
    modules = [module_of(model, step) for step in steps]
    return any(module is not None and any(True for _ in module.parameters()) for module in modules)


def assemble(model: nn.Module, steps: Sequence[fx.Node], source: fx.Node) -> nn.Module:
    """The modules of ``model`` that compute the last of ``steps`` from ``source``; of no steps the identity.

    They keep their names.

    Raises:
        BadInput: they read something else, too.
    """
    if not steps:
        return nn.Identity()
    graph = fx.Graph()
    copies = {source: graph.placeholder("x")}
    for step in steps:
        for parameter in step.all_input_nodes:
            if parameter.op == "get_attr" and parameter not in copies:
                copies[parameter] = graph.node_copy(parameter)
            if parameter not in copies:
                raise BadInput(f"{step.name} reads {parameter.name}, which lies outside of its unit")
        copies[step] = graph.node_copy(step, lambda node: copies[node])
    graph.output(copies[steps[-1]])
    return fx.GraphModule(model, graph)
