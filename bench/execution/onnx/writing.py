"""Networks as ONNX models."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from bench.errors import BadInput
from bench.execution.onnx.branches import BranchingGraph
from bench.execution.onnx.graphs import Graph
from bench.execution.onnx.masks import MaskedGraph
from bench.execution.onnx.placing import sink_weights, strip_notes
from bench.networks.blocks import SelfGatedUnit
from bench.networks.cascade import Cascade, parts_of
from bench.networks.network import DynamicNetwork
from bench.networks.router import Router

IMAGES = "images"
BRANCHES_SINCE = "2.14"
"""Version of torch: 2.8, 2.11 and 2.13 were tried, and export no branches."""
HOW_TO_GET = "pip install 'dynamic-inference-bench[export]'"


def not_exported(network: nn.Module) -> str | None:
    """Why ``network`` has no exported form; None if it may have one."""
    if any(isinstance(module, Router) and module.decides_positions for module in network.modules()):
        return "its gates decide about positions"
    if any(isinstance(module, Router) and module.decides_tokens for module in network.modules()):
        return "its gates decide about tokens"
    if any(isinstance(module, Router) and module.shortens for module in network.modules()):
        return "its branches may end early"
    gates_itself = any(isinstance(module, SelfGatedUnit) for module in network.modules())
    return "its units gate themselves" if gates_itself else None


def missing_packages() -> str | None:
    """Which package is not there that exporting or running needs; None if none is."""
    missing = [name for name in ("onnx", "onnxruntime", "onnxscript") if find_spec(name) is None]
    return f"{', '.join(missing)} not installed: {HOW_TO_GET}" if missing else None


def graph_of(network: DynamicNetwork | Cascade, branches: bool) -> Graph:
    """``network``, which is not changed, in a form that can be exported.

    Args:
        branches: for one image, with what was decided away in branches; else for any number, masked.

    Raises:
        BadInput: units that gate themselves.
    """
    if reason := not_exported(network):
        raise BadInput(f"the network cannot be exported: {reason}")
    return (BranchingGraph if branches else MaskedGraph)(network).eval()


def to_onnx(network: DynamicNetwork | Cascade, branches: bool, metadata: Mapping[str, str] | None = None) -> Any:
    """``network`` as an ``onnx.ModelProto``: input ``images``, outputs as :func:`.decisions.output_names` says.

    Raises:
        BadInput: units that gate themselves, an operation that ONNX does not know, or a package that is not installed.
    """
    if reason := missing_packages():
        raise BadInput(reason)
    graph = graph_of(network, branches)
    with _exporting():
        program: Any = torch.onnx.export(
            _exported(graph, branches), input_names=[IMAGES], output_names=graph.names, verbose=False
        )
    model = program.model_proto
    strip_notes(model.graph)
    sink_weights(model.graph)
    for name, value in (metadata or {}).items():
        model.metadata_props.add(key=name, value=value)
    return model


def to_program(
    network: DynamicNetwork | Cascade, branches: bool, metadata: Mapping[str, str]
) -> tuple[bytes, Callable[[Tensor], dict[str, Tensor]]]:
    """``network`` as the content of a file for ``torch.export.load``, and how that runs: all outputs by their names.

    Raises:
        BadInput: as :func:`to_onnx`.
    """
    graph, file = graph_of(network, branches), io.BytesIO()
    program = _exported(graph, branches)
    noted = {"metadata.json": json.dumps({**metadata, "outputs": graph.names})}
    with _quiet():
        torch.export.save(program, file, extra_files=noted)
        file.seek(0)
        module = torch.export.load(file).module()

    def run(images: Tensor) -> dict[str, Tensor]:
        parts = [module(part) for part in (images.split(1) if branches else (images,))]
        return {name: torch.cat(column) for name, column in zip(graph.names, zip(*parts))}

    return file.getvalue(), run


def _exported(graph: Graph, branches: bool) -> Any:
    """The program of a graph, for one image or for any number.

    Raises:
        BadInput: a network of which the trace cannot follow the decisions.
    """
    images = torch.zeros(1 if branches else 2, *parts_of(graph.network)[0].backbone.image_shape)
    shapes = None if branches else ({0: torch.export.Dim(IMAGES)},)
    with _exporting(), torch.no_grad():
        return torch.export.export(graph, (images,), dynamic_shapes=shapes, strict=False)


@contextmanager
def _exporting() -> Iterator[None]:
    """Quietly; raises :class:`BadInput` where the network cannot be exported."""
    try:
        with _quiet():
            yield
    except (RuntimeError, ValueError, AssertionError) as error:
        old = f" (branches need torch {BRANCHES_SINCE})" if torch.__version__ < BRANCHES_SINCE else ""
        raise BadInput(f"the network cannot be exported: {_reason(error)}{old}") from error


def _reason(error: BaseException) -> str:
    """Why an export failed, on one line."""
    while isinstance(error, torch.onnx.OnnxExporterError) and error.__cause__ is not None:
        error = error.__cause__  # those around it tell of the exporter's own steps
    said = str(error).strip()
    if f"Constraints violated ({IMAGES})" in said:  # as by ``len`` of a batch, which a trace takes for a constant
        return "a trace of it fixes the number of images; one at a time it may be (--batch one)"
    return said.partition("\n")[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says of its own parts."""
    loggers = [logging.getLogger(name) for name in ("onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)
