"""A dynamic network that runs in ONNX Runtime."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from bench.errors import BadInput
from bench.execution.onnx.decisions import decided_by, output_of
from bench.execution.onnx.session import Session
from bench.execution.onnx.writing import to_onnx
from bench.networks.cascade import Cascade
from bench.networks.cost import SampleCost
from bench.networks.decisions import Output
from bench.networks.network import DynamicNetwork


class OnnxNetwork(nn.Module):
    """The same logits, decisions and MACs as the masked network, in another's kernels.

    Shows the face of :class:`bench.execution.skipping.SkippingNetwork`. A network that decides nothing takes a batch at
    once; any other, of a batch too, one image after the other, each with the branches that it takes. As many threads as
    PyTorch is set to. The weights are a copy.

    Args:
        network: on the CPU; not changed.

    Raises:
        BadInput: a network that is not exported or not on the CPU, or ONNX Runtime is not installed.
    """

    executor = "onnxruntime"

    def __init__(self, network: DynamicNetwork | Cascade):
        super().__init__()
        if any(parameter.device.type != "cpu" for parameter in network.parameters()):
            raise BadInput("networks run in ONNX Runtime on the CPU: give --device cpu")
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.backbone_cost, decided = network.backbone_cost, decided_by(network)
        self.execution = "masked" if "channels" in decided else "skipped"
        self.model = to_onnx(network, branches=bool(decided)).SerializeToString()
        self._session: Session | None = None
        self.eval()

    def forward(self, images: Tensor) -> Output:
        """Images ``[N, 3, H, W]`` to logits ``[N, classes]`` and one decision per block."""
        return output_of(self._prepared().run(images), self.network)

    def predict(self, images: Tensor) -> Tensor:
        """Images ``[N, 3, H, W]`` to logits ``[N, classes]`` alone."""
        return self._prepared().predict(images)

    def cost(self, output: Output) -> SampleCost:
        """MACs of each sample of ``output``."""
        return self.network.cost(output)

    def _prepared(self) -> Session:
        """A session with PyTorch's number of threads."""
        if self._session is None or self._session.threads != torch.get_num_threads():
            self._session = Session(self.model, torch.get_num_threads())
        return self._session
