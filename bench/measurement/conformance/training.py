"""Checks of training: gradients, batch norms, epochs."""

from __future__ import annotations

from torch import nn

from bench.measurement.conformance.comparison import require
from bench.measurement.conformance.subjects import Subject, backbone_of, batch_at
from bench.methods.interface import Budget, split_parameters


def check_gradients(subject: Subject) -> str:
    """Some stage's loss reaches every parameter of the gates, with finite gradients."""
    network, stages = subject.trainable()
    gates = {id(parameter) for parameter in split_parameters(network)[1]}
    parameters = {name: parameter for name, parameter in network.named_parameters() if id(parameter) in gates}
    seen: dict[str, float] = dict.fromkeys(parameters, 0.0)
    for stage in stages:
        for progress in (0.0, 0.5, 0.9):
            network.zero_grad(set_to_none=True)
            stage.loss(network.train(), batch_at(progress, stage.views)).backward()
            for name, parameter in parameters.items():
                if parameter.grad is not None:
                    require(bool(parameter.grad.isfinite().all()), f"gradient of {name} is not finite")
                    seen[name] += float(parameter.grad.abs().sum())
    dead = [name for name, size in seen.items() if size == 0]
    require(not dead, f"no gradient ever reaches {dead and dead[0]} ({len(dead)} of {len(seen)} parameters)")
    return f"{len(seen)} parameters of the gates learn"


def check_batch_norm(subject: Subject) -> str:
    """No step shows the batch norms more, or fewer, images than its batch."""
    network, stages = subject.trainable()
    norms = {
        name: module for name, module in network.named_modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)
    }
    for stage in stages:
        before = {name: _batches(norm) for name, norm in norms.items()}
        learns = {id(parameter) for group in stage.groups for parameter in group.parameters}
        stage.loss(network.train(), batch_at(0.5, stage.views))
        for name, norm in norms.items():
            moved = _batches(norm) - before[name]
            resting = norm.affine and not learns & {id(norm.weight), id(norm.bias)}
            require(
                moved == 1 or (resting and not moved),
                f"statistics of {name} moved {moved} times in one step of stage {stage.name!r}",
            )
    return f"{len(norms)} batch norms move once per step"


def _batches(norm: nn.modules.batchnorm._BatchNorm) -> int:
    assert norm.num_batches_tracked is not None
    return int(norm.num_batches_tracked)


def check_budget(subject: Subject) -> str:
    """Stages together train for the epochs of the budget, whatever it is."""
    for pretrained in (True, False):
        for epochs in (0, 1, 3, 10):
            network = subject.method.build(backbone_of(subject.method), subject.point)
            stages = subject.method.stages(network, subject.point, Budget(epochs, pretrained))
            total = sum(stage.epochs for stage in stages)
            require(total == epochs, f"stages train {total} epochs where the budget is {epochs}")
    return "stages add up to the budget"
