"""An exported model made ready for deployment: weights where they are read, and no traces of this machine."""

from __future__ import annotations

from typing import Any


def sink_weights(graph: Any) -> None:
    """Moves each initializer of an ONNX graph into the branch that alone reads it, however deep; in place.

    ONNX Runtime reorders the weights of a convolution for its fastest kernels only where they lie in its own graph.
    """
    branches = _branches(graph)
    read = [_read(branch) for branch in branches]
    here = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    kept: list[Any] = []
    for initializer in graph.initializer:
        readers = [branch for branch, names in zip(branches, read) if initializer.name in names]
        alone = len(readers) == 1 and initializer.name not in here
        (readers[0].initializer if alone else kept).append(initializer)
    kept = [type(initializer).FromString(initializer.SerializeToString()) for initializer in kept]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    for branch in branches:
        sink_weights(branch)


def strip_notes(graph: Any) -> None:
    """Removes what the exporter noted of its own work, such as the lines of source that a node comes from; in place."""
    for part in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.ClearField("doc_string")
    for branch in _branches(graph):
        strip_notes(branch)


def _branches(graph: Any) -> list[Any]:
    return [attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")]


def _read(graph: Any) -> set[str]:
    """Names that a graph, or a branch within it, reads or puts out."""
    names = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    return names.union(*map(_read, _branches(graph)))
