"""A dynamic network as a fixed sequence of predicated kernels: decisions are taken and used on the device alone."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, TypeAlias, cast

import torch
from torch import Tensor

from bench.errors import BadInput
from bench.execution.structure import unknown_structure
from bench.execution.triton.availability import interpreting, missing
from bench.execution.triton.forms import FORMS, unsupported_form
from bench.execution.triton.maps import Decided
from bench.execution.triton.parameters import RULES
from bench.execution.triton.replay import Replayed
from bench.networks.cost import SampleCost, output_cost, reached_parts
from bench.networks.decisions import BlockDecision, ChannelDecision, ExitDecision, LayerDecision, Output
from bench.networks.network import DynamicNetwork

if TYPE_CHECKING:
    from bench.execution.triton.program import Program
    from bench.execution.triton.streams import StreamProgram
    from bench.execution.triton.whole import WholeProgram

    AnyProgram: TypeAlias = Program | WholeProgram | StreamProgram


class TritonNetwork(Replayed):
    """The same logits, decisions and MACs as the masked network, by kernels whose programs leave where they may.

    Shows the face of :class:`bench.execution.skipping.SkippingNetwork`. For each shape of batch, memory is taken and,
    on a GPU, a CUDA graph captured at the first call. Weights are a copy: later training does not reach them.

    Args:
        network: without :func:`bench.execution.triton.unsupported_reason`; not changed.
        precision: ``float32``, ``tf32`` (products of float32 on tensor cores) or ``bfloat16``.
        form: ``units``, a launch for each; ``whole``, one launch, whose programs carry an image each through all
            blocks; ``streams``, a launch for each unit and image, those that do not depend on one another at once.

    Raises:
        BadInput: no Triton, no GPU, an unknown precision or form, or a network that the kernels do not know.
    """

    def __init__(self, network: DynamicNetwork, precision: str = "float32", form: str = "units"):
        if reason := missing() or unsupported_reason(network):
            raise BadInput(f"the Triton executor cannot run {network.backbone.name}: {reason}")
        super().__init__(network.backbone.image_shape[0], network.backbone.classifier.weight.device, precision)
        if form not in FORMS:
            raise BadInput(f"form must be one of {', '.join(FORMS)}, not {form!r}")
        if reason := unsupported_form(network, form):
            raise BadInput(f"{network.backbone.name} cannot run in the form {form}: {reason}")
        self.form = form
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.backbone_cost, self.gate_cost = network.backbone_cost, network.gate_cost
        self.eval()

    @torch.inference_mode()
    def forward(self, images: Tensor) -> Output:
        """Images ``[N, C, H, W]`` to logits ``[N, classes]`` and one decision per block; raises as :meth:`predict`."""
        program = cast("AnyProgram", self._run(images))
        reached = [torch.ones_like(program.answers.logits[:, 0])] * len(program.decided)
        if self.network.exits is None:
            return Output(program.answers.logits.clone(), decisions_of(program, reached))
        taken = program.answers.taken.long()
        reached = list(reached_parts(self.gate_cost, taken).to(reached[0].dtype).unbind(1))
        return Output(program.answers.logits.clone(), decisions_of(program, reached), exits=ExitDecision(taken))

    def cost(self, output: Output) -> SampleCost:
        """MACs of each sample of ``output``."""
        return output_cost(self.backbone_cost, self.gate_cost, output)

    def prepare(self, shape: torch.Size) -> AnyProgram:
        """Memory and launches for images of ``shape``."""
        from bench.execution.triton.program import Program  # imports Triton, which not every machine has
        from bench.execution.triton.streams import StreamProgram
        from bench.execution.triton.whole import WholeProgram

        kinds: dict[str, type[AnyProgram]] = {"units": Program, "whole": WholeProgram, "streams": StreamProgram}
        return kinds[self.form](self.network, self._room(shape), self.precision)


def unknown_to_kernels(network: DynamicNetwork) -> str | None:
    """What of ``network`` the kernels do not know; None if nothing."""
    return unknown_structure(network, RULES)


def unsupported_reason(network: DynamicNetwork) -> str | None:
    """Why the kernels cannot run ``network``; None if they can, given Triton and a GPU."""
    if reason := unknown_to_kernels(network):
        return reason
    weight = network.backbone.classifier.weight
    if weight.dtype != torch.float32:
        return "its parameters are not float32"
    if not weight.is_cuda and not interpreting():
        return "it does not lie on a GPU"
    return None


def decisions_of(program: AnyProgram, reached: list[Tensor]) -> tuple[BlockDecision, ...]:
    """What the last pass decided; ``reached`` by block: ``[N]``, 1 for samples that come to it before they answer."""
    return tuple(map(_decision, program.decided, reached))


def _decision(decided: Decided | None, reached: Tensor) -> BlockDecision:
    if decided is None:
        return BlockDecision(LayerDecision(reached, reached))
    scale = decided.scales.clamp(min=0)
    executed = (scale > 0).to(scale.dtype)
    if decided.channel_scale is None:
        return BlockDecision(LayerDecision(executed, scale))
    # Where the block is skipped nobody asked about channels, and what stands there is older.
    channels = decided.channel_scale * executed[:, None]
    return BlockDecision(LayerDecision(executed, scale), ChannelDecision((channels > 0).to(scale.dtype), channels))
