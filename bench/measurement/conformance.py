"""Conformance: is a method what it claims to be? The same checks for ours and for third parties'."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from bench.execution import native_obstacle, to_inference
from bench.execution.native import targets
from bench.execution.skipping import lower
from bench.measurement.counting import flop_counter_macs
from bench.measurement.forced import forced, opened
from bench.methods import load_method
from bench.methods.interface import Budget, Method, Stage, TrainingBatch, split_parameters
from bench.networks.backbones import Backbone, build_backbone
from bench.networks.cascade import Cascade, parts_of
from bench.networks.decisions import Output
from bench.networks.network import DynamicNetwork

BACKBONE, POINT, IMAGES = "resnet14", 0.5, 12
DECISION_TOLERANCE = 1e-3
"""Of the share of a block: a few positions of thousands may lie on their threshold; a block or channel may not."""
LOGIT_TOLERANCE = 1e-4
"""Of the largest logit: float32 rounding where convolutions are summed in another order."""


ONE_ANSWER = "the network has a single answer"


@dataclass(frozen=True)
class CheckResult:
    """One check of one method: whether it passed, and what was seen."""

    check: str
    passed: bool
    detail: str


class CheckFailure(Exception):
    """A check did not hold; the message says what was seen."""


def verify(method: str | Method) -> list[CheckResult]:
    """Runs every check on a method, as ``bench verify`` does.

    Args:
        method: a registered name, with choices in brackets where wanted, or a method itself.

    Raises:
        BadInput: an unknown name.
    """
    return verify_method(load_method(method) if isinstance(method, str) else method)


def verify_method(method: Method) -> list[CheckResult]:
    """Runs every check on small networks with random weights and random images, on the CPU."""
    outcomes = []
    for name, check in CHECKS.items():
        torch.manual_seed(0)
        try:
            outcomes.append(CheckResult(name, True, check(method)))
        except CheckFailure as failure:
            outcomes.append(CheckResult(name, False, str(failure)))
        except Exception as error:
            outcomes.append(CheckResult(name, False, f"{type(error).__name__}: {error}"))
    return outcomes


def check_decisions(method: Method) -> str:
    """Each block decides for each sample, with values that decisions may have."""
    network, images = _network(method), _images()
    output = _run(network, images)
    blocks = [block for part in parts_of(network) for block in part.backbone.blocks]
    for index, decision in enumerate(output.decisions):
        _require_decision(f"block {index}", decision.layer.executed, decision.layer.scale, (IMAGES,))
        if decision.channels is not None:
            shape = (IMAGES, blocks[index].inner_channels)
            _require_decision(f"block {index} channels", decision.channels.kept, decision.channels.scale, shape)
    return f"{len(output.decisions)} blocks, one decision for each of {IMAGES} samples"


def check_batch_of_one(method: Method) -> str:
    """Predictions, decisions and MACs of a batch are those of its images one by one."""
    network, images = _network(method), _images()
    return _require_same(_see(network, images), _see_apart(network, images))


def check_repeatable(method: Method) -> str:
    """Nothing is drawn at test time."""
    network, images = _network(method), _images()
    first, second = _see(network, images), _see(network, images)
    _require(torch.equal(first.decided, second.decided), "two evaluations of the same images decided differently")
    return "two evaluations decide alike"


def check_all_open(method: Method) -> str:
    """With all gates open the network is its backbone, and costs as much plus its gates."""
    network, images = _network(method), _images()
    return "; ".join(_check_open(part, images) for part in parts_of(network))


def _check_open(network: DynamicNetwork, images: Tensor) -> str:
    overruled = forced(network, all_open=True)
    output = _run(overruled, images)
    with torch.inference_mode():
        difference = _relative(output.logits, overruled.backbone(images))
    _require(difference <= LOGIT_TOLERANCE, f"logits differ from the dense network's by {difference:.1e}")
    gates = network.gate_cost
    expected = network.backbone_cost.total + gates.image + sum(gates.layer) + sum(gates.channels)
    found = overruled.cost(output).total
    _require(bool((found == expected).all()), f"{found[0]:.0f} MACs instead of dense + gates = {expected}")
    return f"dense logits (difference {difference:.1e}); {expected} MACs"


def check_all_closed(method: Method) -> str:
    """With all gates closed the fixed part and the layer gates are what remains to be paid."""
    network, images = _network(method), _images()
    return "; ".join(_check_closed(part, images) for part in parts_of(network))


def _check_closed(network: DynamicNetwork, images: Tensor) -> str:
    overruled = forced(network, all_open=False)
    output = _run(overruled, images)
    _require(bool(output.logits.isfinite().all()), "logits are not finite")
    gates = network.gate_cost
    expected = network.backbone_cost.fixed + gates.image + sum(gates.layer)
    found = overruled.cost(output).total
    _require(bool((found == expected).all()), f"{found[0]:.0f} MACs instead of fixed part + gates = {expected}")
    return f"{expected} MACs remain"


def check_none_stops(method: Method) -> str:
    """Where no sample stops the last answer stands, and every classifier or network in front of it is paid."""
    network, images = _network(method), _images()
    if network.rule is None:
        return ONE_ANSWER
    network.rule.thresholds.fill_(torch.inf)
    output = _run(network, images)
    alone = [DynamicNetwork(part.backbone, part.router) for part in parts_of(network)]
    outputs = [_run(part, images) for part in alone]
    difference = _relative(output.logits, outputs[-1].logits)
    _require(difference <= LOGIT_TOLERANCE, f"logits differ from the last answer by {difference:.1e}")
    heads = sum(sum(part.gate_cost.exits) for part in parts_of(network))
    expected = torch.stack([part.cost(one).total for part, one in zip(alone, outputs)]).sum(0) + heads
    found = network.cost(output).total
    _require(torch.equal(found, expected), f"{found[0]:.0f} MACs instead of everything = {expected[0]:.0f}")
    _require_same(_see(network, images), _see(lower(network), images))
    return f"the last answer (difference {difference:.1e}); {found[0]:.0f} MACs"


def check_all_stop(method: Method) -> str:
    """Where all samples stop at once the first answer stands, and nothing behind it runs."""
    network, images = _network(method), _images()
    if network.rule is None:
        return ONE_ANSWER
    network.rule.thresholds.fill_(-torch.inf)
    output = _run(network, images)
    assert output.exits is not None and output.exits.given is not None
    answer = network.rule.answer([output.exits.given[0]])
    _require(torch.equal(output.logits, answer), "another answer than the first")
    _require_same(_see(network, images), _see(lower(network), images))
    first, macs = parts_of(network)[0], network.cost(output).total
    ran = len(first.backbone.blocks) if first.exits is None else first.exits.after[0] + 1
    _require(not output.executed()[:, ran:].any(), "a block behind the first answer counts as executed")
    return f"the first answer; {macs[0]:.0f} MACs"


def check_skipping(method: Method) -> str:
    """Skipping execution predicts, decides and costs what masked execution does, in any order and batch."""
    network, images = _network(method), _images()
    masked, skipping = _see(network, images), lower(network)
    order = torch.randperm(IMAGES)
    _require_same(masked[order], _see(skipping, images[order]))
    return _require_same(masked, _see_apart(skipping, images))


def check_native(method: Method) -> str:
    """So does the compiled executor, where it runs the network."""
    network, images = _network(method), _images()
    reason = "it was not built here" if not targets() else native_obstacle(network)
    if reason:
        return f"runs in PyTorch: {reason}"
    masked, native = _see(network, images), to_inference(network, "native")
    _require_same(masked, _see(native, images))
    return _require_same(masked, _see_apart(native, images))


def check_count(method: Method) -> str:
    """MACs of every image are those that PyTorch's FLOP counter sees skipping execution spend."""
    network, images = _network(method), _images()
    if lower(network).execution == "masked":
        return _check_dense_count(network, images)
    claimed = network.cost(_run(network, images)).total.round().long().tolist()
    counted = flop_counter_macs(network, images)
    wrong = [index for index in range(IMAGES) if claimed[index] != counted[index]]
    _require(not wrong, f"image {wrong and wrong[0]}: we say {claimed}, an independent counter {counted}")
    return f"{IMAGES} images, {len(set(counted))} different costs, equal to the last MAC"


def _check_dense_count(network: DynamicNetwork, images: Tensor) -> str:
    """Masked execution spends what it would save; the full counts that its shares multiply can still be compared."""
    full = DynamicNetwork(opened(network.backbone, True))
    counted = flop_counter_macs(full.eval(), images[:1])[0]
    expected = network.backbone_cost.total
    _require(counted == expected, f"we say {expected} with everything computed, an independent counter {counted}")
    return f"masked execution: only the full count could be compared, {expected}"


def check_gradients(method: Method) -> str:
    """Some stage's loss reaches every parameter of the gates, with finite gradients."""
    network, stages = _trainable(method)
    gates = {id(parameter) for parameter in split_parameters(network)[1]}
    parameters = {name: parameter for name, parameter in network.named_parameters() if id(parameter) in gates}
    seen: dict[str, float] = dict.fromkeys(parameters, 0.0)
    for stage in stages:
        for progress in (0.0, 0.5, 0.9):
            network.zero_grad(set_to_none=True)
            stage.loss(network.train(), _step(progress)).backward()
            for name, parameter in parameters.items():
                if parameter.grad is not None:
                    _require(bool(parameter.grad.isfinite().all()), f"gradient of {name} is not finite")
                    seen[name] += float(parameter.grad.abs().sum())
    dead = [name for name, size in seen.items() if size == 0]
    _require(not dead, f"no gradient ever reaches {dead and dead[0]} ({len(dead)} of {len(seen)} parameters)")
    return f"{len(seen)} parameters of the gates learn"


def check_batch_norm(method: Method) -> str:
    """No step shows the batch norms more, or fewer, images than its batch."""
    network, stages = _trainable(method)
    norms = {
        name: module for name, module in network.named_modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)
    }
    for stage in stages:
        before = {name: _batches(norm) for name, norm in norms.items()}
        learns = {id(parameter) for group in stage.groups for parameter in group.parameters}
        stage.loss(network.train(), _step(0.5))
        for name, norm in norms.items():
            moved = _batches(norm) - before[name]
            resting = norm.affine and not learns & {id(norm.weight), id(norm.bias)}
            _require(
                moved == 1 or (resting and not moved),
                f"statistics of {name} moved {moved} times in one step of stage {stage.name!r}",
            )
    return f"{len(norms)} batch norms move once per step"


def _batches(norm: nn.modules.batchnorm._BatchNorm) -> int:
    assert norm.num_batches_tracked is not None
    return int(norm.num_batches_tracked)


def check_budget(method: Method) -> str:
    """Stages together train for the epochs of the budget, whatever it is."""
    for pretrained in (True, False):
        for epochs in (0, 1, 3, 10):
            backbone = build_backbone(BACKBONE, classes=10)
            network = method.build(backbone, _point(method))
            stages = method.stages(network, _point(method), Budget(epochs, pretrained))
            total = sum(stage.epochs for stage in stages)
            _require(total == epochs, f"stages train {total} epochs where the budget is {epochs}")
    return "stages add up to the budget"


CHECKS: dict[str, Callable[[Method], str]] = {
    "decisions are per sample": check_decisions,
    "batch of N = N batches of one": check_batch_of_one,
    "evaluating twice decides alike": check_repeatable,
    "all gates open = dense + gates": check_all_open,
    "all gates closed = fixed + gates": check_all_closed,
    "all stop = the first answer": check_all_stop,
    "none stops = the last answer": check_none_stops,
    "skipped = masked": check_skipping,
    "native = masked": check_native,
    "MACs = independent count": check_count,
    "every gate gets a gradient": check_gradients,
    "batch norm moves once per step": check_batch_norm,
    "epochs keep to the budget": check_budget,
}


def _point(method: Method) -> float | None:
    return POINT if method.has_points else None


def _network(method: Method) -> DynamicNetwork:
    """A network of the method in evaluation mode, with all batch norms having seen data."""
    network = _undecided(method).train()
    with torch.no_grad():
        for _ in range(20):
            network(torch.randn(32, *network.backbone.image_shape))
    network.eval()
    if network.rule is not None:
        _split(network)
    return network


@torch.no_grad()
def _split(network: DynamicNetwork | Cascade) -> None:
    """Thresholds by which about every other sample that comes to an answer stops there."""
    exits, rule = _run(network, _images()).exits, network.rule
    assert exits is not None and exits.given is not None and rule is not None
    given, left = exits.given, torch.arange(IMAGES)
    for number in range(len(given) - 1):
        scores = rule.score(list(given[: number + 1]))
        ordered = scores[left].sort().values
        middle = len(ordered) // 2
        # Half-way between two scores: one that lies on its threshold may fall to either side.
        rule.thresholds[number] = ordered[middle - 1 : middle + 1].mean() if middle else torch.inf
        left = left[scores[left] <= rule.thresholds[number]]


def _undecided(method: Method) -> DynamicNetwork:
    """A network whose gates differ between samples: freshly built ones are wide open, these are drawn around zero."""
    network = method.build(_backbone(), _point(method))
    for name, parameter in (named for part in parts_of(network) for named in part.router.named_parameters()):
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        elif parameter.dim() > 1:
            nn.init.normal_(parameter, std=5 / parameter[0].numel() ** 0.5)
    return network


def _backbone() -> Backbone:
    """With every normalisation parameter away from its initial value, so that a forgotten one shows."""
    backbone = build_backbone(BACKBONE, classes=10)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    return backbone


def _trainable(method: Method) -> tuple[DynamicNetwork, list[Stage]]:
    network = _undecided(method)
    return network, method.stages(network, _point(method), Budget(epochs=10, pretrained=True))


def _step(progress: float) -> TrainingBatch:
    labels = torch.arange(32) % 10
    images = torch.randn(32, 3, 32, 32)
    loss = partial(nn.functional.cross_entropy, target=labels, reduction="none")
    return TrainingBatch(images, labels, progress, loss)


def _images() -> Tensor:
    return (
        torch.randn(IMAGES, 3, 32, 32, generator=torch.Generator().manual_seed(1))
        * torch.linspace(0.3, 2, IMAGES)[:, None, None, None]
    )


@dataclass(frozen=True)
class _Seen:
    """What one evaluation shows of each sample: logits, and what was decided: blocks executed, shares kept, exit."""

    logits: Tensor
    decided: Tensor

    def __getitem__(self, rows: Tensor) -> _Seen:
        return _Seen(self.logits[rows], self.decided[rows])


@torch.inference_mode()
def _run(network: nn.Module, images: Tensor) -> Output:
    return network.eval()(images)


def _see(network: nn.Module, images: Tensor) -> _Seen:
    output = _run(network, images)
    kept = torch.stack([decision.kept_fraction for decision in output.decisions], 1)
    taken = [] if output.exits is None else [output.exits.taken[:, None].to(kept.dtype)]
    return _Seen(output.logits, torch.cat([output.executed(), kept, *taken], 1))


def _see_apart(network: nn.Module, images: Tensor) -> _Seen:
    """The same, one image at a time."""
    parts = [_see(network, images[index : index + 1]) for index in range(len(images))]
    return _Seen(torch.cat([part.logits for part in parts]), torch.cat([part.decided for part in parts]))


def _require_same(expected: _Seen, found: _Seen) -> str:
    differ = ((found.decided - expected.decided).abs().amax(1) > DECISION_TOLERANCE).nonzero().flatten().tolist()
    _require(not differ, f"decisions differ for sample {differ and differ[0]}")
    difference = _relative(found.logits, expected.logits)
    _require(difference <= LOGIT_TOLERANCE, f"logits differ by {difference:.1e}")
    return f"largest logit difference {difference:.1e}"


def _relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise CheckFailure(message)


def _require_decision(what: str, chosen: Tensor, scale: Tensor, shape: tuple[int, ...]) -> None:
    _require(tuple(chosen.shape) == shape, f"{what}: decisions have shape {tuple(chosen.shape)} instead of {shape}")
    _require(bool(((chosen == 0) | (chosen == 1)).all()), f"{what}: decisions are not 0 or 1")
    _require(bool(((scale == 0) == (chosen == 0)).all()), f"{what}: scale and decision disagree about zero")
