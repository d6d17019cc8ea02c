"""Checks of a network as it is: decisions, and what is left of it where they all fall alike."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.execution.skipping import lower
from bench.measurement.conformance.comparison import (
    LOGIT_TOLERANCE,
    relative,
    require,
    require_decision,
    require_same,
    run,
    see,
    see_apart,
)
from bench.measurement.conformance.subjects import IMAGES, Subject, images_of_noise
from bench.measurement.forced import forced
from bench.networks.cascade import parts_of
from bench.networks.network import DynamicNetwork

ONE_ANSWER = "the network has a single answer"


def check_decisions(subject: Subject) -> str:
    """Each block decides for each sample, with values that decisions may have."""
    network, images = subject.network(), images_of_noise()
    output = run(network, images)
    blocks = [block for part in parts_of(network) for block in part.backbone.blocks]
    for index, decision in enumerate(output.decisions):
        require_decision(f"block {index}", decision.layer.executed, decision.layer.scale, (IMAGES,))
        if decision.layer.complete is not None:
            complete = decision.layer.complete
            require_decision(f"block {index} end", complete, complete, (IMAGES,))
        if decision.channels is not None:
            shape = (IMAGES, blocks[index].inner_channels)
            require_decision(f"block {index} channels", decision.channels.kept, decision.channels.scale, shape)
        if decision.positions is not None:
            kept = decision.positions.flatten(1)
            require_decision(f"block {index} positions", kept, kept, (IMAGES, decision.positions[0].numel()))
        if decision.tokens is not None:
            require_decision(f"block {index} tokens", decision.tokens, decision.tokens, tuple(decision.tokens.shape))
    return f"{len(output.decisions)} blocks, one decision for each of {IMAGES} samples"


def check_batch_of_one(subject: Subject) -> str:
    """Predictions, decisions and MACs of a batch are those of its images one by one."""
    network, images = subject.network(), images_of_noise()
    return require_same(see(network, images), see_apart(network, images))


def check_repeatable(subject: Subject) -> str:
    """Nothing is drawn at test time."""
    network, images = subject.network(), images_of_noise()
    first, second = see(network, images), see(network, images)
    require(torch.equal(first.decided, second.decided), "two evaluations of the same images decided differently")
    return "two evaluations decide alike"


def check_all_open(subject: Subject) -> str:
    """With all gates open the network is its backbone, and costs as much plus its gates."""
    network, images = subject.network(), images_of_noise()
    return "; ".join(_check_open(part, images) for part in parts_of(network))


def _check_open(network: DynamicNetwork, images: Tensor) -> str:
    overruled = forced(network, all_open=True)
    output = run(overruled, images)
    with torch.inference_mode():
        difference = relative(output.logits, overruled.backbone(images))
    require(difference <= LOGIT_TOLERANCE, f"logits differ from the dense network's by {difference:.1e}")
    gates = network.gate_cost
    expected = network.backbone_cost.total + gates.image + sum(gates.layer) + sum(gates.channels)
    found = overruled.cost(output).total
    require(bool((found == expected).all()), f"{found[0]:.0f} MACs instead of dense + gates = {expected}")
    return f"dense logits (difference {difference:.1e}); {expected} MACs"


def check_all_closed(subject: Subject) -> str:
    """With all gates closed the fixed part and the layer gates are what remains to be paid."""
    network, images = subject.network(), images_of_noise()
    return "; ".join(_check_closed(part, images) for part in parts_of(network))


def _check_closed(network: DynamicNetwork, images: Tensor) -> str:
    overruled = forced(network, all_open=False)
    output = run(overruled, images)
    require(bool(output.logits.isfinite().all()), "logits are not finite")
    gates = network.gate_cost
    expected = network.backbone_cost.fixed + gates.image + sum(gates.layer)
    found = overruled.cost(output).total
    require(bool((found == expected).all()), f"{found[0]:.0f} MACs instead of fixed part + gates = {expected}")
    return f"{expected} MACs remain"


def check_none_stops(subject: Subject) -> str:
    """Where no sample stops the last answer stands, and every classifier or network in front of it is paid."""
    network, images = subject.network(), images_of_noise()
    if network.rule is None:
        return ONE_ANSWER
    network.rule.thresholds.fill_(torch.inf)
    output = run(network, images)
    alone = [DynamicNetwork(part.backbone, part.router) for part in parts_of(network)]
    outputs = [run(part, images) for part in alone]
    difference = relative(output.logits, outputs[-1].logits)
    require(difference <= LOGIT_TOLERANCE, f"logits differ from the last answer by {difference:.1e}")
    heads = sum(sum(part.gate_cost.exits) for part in parts_of(network))
    expected = torch.stack([part.cost(one).total for part, one in zip(alone, outputs)]).sum(0) + heads
    found = network.cost(output).total
    require(torch.equal(found, expected), f"{found[0]:.0f} MACs instead of everything = {expected[0]:.0f}")
    require_same(see(network, images), see(lower(network), images))
    return f"the last answer (difference {difference:.1e}); {found[0]:.0f} MACs"


def check_all_stop(subject: Subject) -> str:
    """Where all samples stop at once the first answer stands, and nothing behind it runs."""
    network, images = subject.network(), images_of_noise()
    if network.rule is None:
        return ONE_ANSWER
    network.rule.thresholds.fill_(-torch.inf)
    output = run(network, images)
    assert output.exits is not None and output.exits.given is not None
    answer = network.rule.answer([output.exits.given[0]])
    require(torch.equal(output.logits, answer), "another answer than the first")
    require_same(see(network, images), see(lower(network), images))
    first, macs = parts_of(network)[0], network.cost(output).total
    ran = len(first.backbone.blocks) if first.exits is None else first.exits.after[0] + 1
    require(not output.executed()[:, ran:].any(), "a block behind the first answer counts as executed")
    return f"the first answer; {macs[0]:.0f} MACs"
