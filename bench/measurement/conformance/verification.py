"""All checks of one method: the same ones for ours and for third parties'."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from bench.measurement.conformance import execution, networks, training
from bench.measurement.conformance.comparison import CheckFailure
from bench.measurement.conformance.subjects import Subject
from bench.methods import load_method
from bench.methods.interface import Method

CHECKS: dict[str, Callable[[Subject], str]] = {
    "decisions are per sample": networks.check_decisions,
    "batch of N = N batches of one": networks.check_batch_of_one,
    "evaluating twice decides alike": networks.check_repeatable,
    "all gates open = dense + gates": networks.check_all_open,
    "all gates closed = fixed + gates": networks.check_all_closed,
    "all stop = the first answer": networks.check_all_stop,
    "none stops = the last answer": networks.check_none_stops,
    "skipped = masked": execution.check_skipping,
    "native = masked": execution.check_native,
    "triton = masked": execution.check_triton,
    "MACs = independent count": execution.check_count,
    "every gate gets a gradient": training.check_gradients,
    "batch norm moves once per step": training.check_batch_norm,
    "epochs keep to the budget": training.check_budget,
}


@dataclass(frozen=True)
class CheckResult:
    """One check of one method: whether it passed, and what was seen."""

    check: str
    passed: bool
    detail: str


def verify(method: str | Method) -> list[CheckResult]:
    """Runs every check on a method, as ``bench verify`` does.

    Args:
        method: a registered name, with choices in brackets where wanted, or a method itself.

    Raises:
        BadInput: an unknown name.
    """
    return verify_method(load_method(method) if isinstance(method, str) else method)


def verify_method(method: Method, checks: Iterable[str] = tuple(CHECKS)) -> list[CheckResult]:
    """Runs ``checks``, by their names, on small networks with random weights and random images, on the CPU."""
    subject, outcomes = Subject(method), []
    for name in checks:
        torch.manual_seed(0)
        try:
            outcomes.append(CheckResult(name, True, CHECKS[name](subject)))
        except CheckFailure as failure:
            outcomes.append(CheckResult(name, False, str(failure)))
        except Exception as error:
            outcomes.append(CheckResult(name, False, f"{type(error).__name__}: {error}"))
    return outcomes
