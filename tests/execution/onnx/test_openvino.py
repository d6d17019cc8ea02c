"""Exported networks in OpenVINO, which takes their branches."""

import numpy as np
import pytest
from test_onnx import BRANCHES, NETWORKS, exported, images

from bench.execution.onnx import Session


@BRANCHES
@pytest.mark.parametrize("name", NETWORKS)
def test_logits_and_decisions_are_those_of_onnx_runtime(name):
    openvino = pytest.importorskip("openvino", reason="OpenVINO is not installed (extra peers)")
    content = exported(name, True)[1].SerializeToString()
    core, expected = openvino.Core(), Session(content, 1).run(images())
    model = core.read_model(content, b"")
    assert any(operation.get_type_name() == "If" for operation in model.get_ops())
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
    answers = [compiled(image[None].numpy()) for image in images()]
    for output in compiled.outputs:
        found = np.concatenate([answer[output] for answer in answers])
        wanted = expected[output.get_any_name()].numpy()
        if output.get_any_name() == "logits":
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
        else:
            np.testing.assert_array_equal(found, wanted)
    assert len(compiled.outputs) == len(expected) > 1
