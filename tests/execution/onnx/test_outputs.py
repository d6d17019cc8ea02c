"""What an exported network puts out by its names, and weights sunk into the branches that read them."""

import pytest
import torch

from bench.execution.onnx.decisions import BlockGates, output_names, output_of, reached_blocks
from bench.execution.onnx.placing import sink_weights, strip_notes
from bench.networks import Cascade, DynamicNetwork, Member
from bench.networks.backbones import build_backbone

onnx = pytest.importorskip("onnx")


def test_names_stand_in_the_order_of_blocks_and_only_for_gates_that_are_there():
    gates = [BlockGates(True, True), BlockGates(False, False), BlockGates(False, True), BlockGates(True, False)]
    names = ["executed_0", "kept_0", "kept_2", "executed_3"]
    assert output_names(gates, 1) == ["logits", *names]
    assert output_names(gates, 2) == ["logits", "exit", *names]
    outputs = [tensor for gate in gates for tensor in gate.nothing(torch.ones(2, 3), 5)]
    assert [tuple(tensor.shape) for tensor in outputs] == [(2,), (2, 5), (2, 5), (2,)]
    assert not any(tensor.any() for tensor in outputs)


def dense() -> DynamicNetwork:
    return DynamicNetwork(build_backbone("resnet8-w0.25", classes=10)).eval()


def test_what_has_no_gate_is_executed_whole():
    network, kept = dense(), torch.zeros(2, 4)
    kept[1, :2] = 1
    found = output_of({"logits": torch.zeros(2, 10), "executed_1": torch.tensor([0.0, 1.0]), "kept_2": kept}, network)
    assert found.executed().tolist() == [[1, 0, 1], [1, 1, 1]] and found.exits is None
    assert [decision.channels is None for decision in found.decisions] == [True, True, False]
    assert found.decisions[2].kept_fraction.tolist() == [0, 0.5]


def test_members_that_were_not_asked_executed_nothing():
    network = Cascade([dense(), dense()], [Member("dense", None, "resnet8-w0.25")] * 2)
    taken = torch.tensor([0, 1])
    assert torch.stack(reached_blocks(network, taken), 1).tolist() == [[1, 1, 1, 0, 0, 0], [1] * 6]
    found = output_of({"logits": torch.zeros(2, 10), "exit": taken}, network)
    assert found.executed().sum(1).tolist() == [3, 6] and found.exits.taken.tolist() == [0, 1]


def initializer(name):
    return onnx.helper.make_tensor(name, onnx.TensorProto.FLOAT, [1], [1.0])


def branch(name, *reads, inside=()):
    """A graph that reads some names from outside; ``inside``: nodes of its own."""
    output = onnx.helper.make_tensor_value_info(f"{name}_out", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Sum", list(reads), [f"{name}_out"], doc_string="line 3 of a source")
    return onnx.helper.make_graph([*inside, node], name, [], [output])


def condition(yes, no):
    return onnx.helper.make_node("If", ["asked"], [f"{yes.name}_if"], then_branch=yes, else_branch=no)


def test_a_weight_sinks_to_its_only_reader_and_no_further():
    deep = condition(branch("deep", "only_deep", "x"), branch("other", "both", "x"))
    top = condition(branch("yes", "only_yes", "both", "x", inside=[deep]), branch("no", "x", "shared"))
    graph = branch("main", "x", "shared", inside=[top])
    names = ("only_deep", "only_yes", "both", "shared", "unread")
    graph.initializer.extend(map(initializer, names))
    sink_weights(graph)
    yes, no = (attribute.g for attribute in graph.node[0].attribute)
    yes, no = (yes, no) if yes.name == "yes" else (no, yes)
    inner = next(attribute.g for attribute in yes.node[0].attribute if attribute.g.name == "deep")
    assert [one.name for one in graph.initializer] == ["shared", "unread"]
    assert sorted(one.name for one in yes.initializer) == ["both", "only_yes"]
    assert [one.name for one in inner.initializer] == ["only_deep"] and not no.initializer


def test_notes_are_removed_in_every_branch():
    graph = branch("main", "x", inside=[condition(branch("yes", "x"), branch("no", "x"))])
    graph.doc_string = "here"
    graph.node[0].metadata_props.add(key="namespace", value="source.py:3")
    strip_notes(graph)
    assert b"line 3" not in graph.SerializeToString() and b"source.py" not in graph.SerializeToString()
    assert not graph.doc_string and len(graph.node[0].attribute) == 2
