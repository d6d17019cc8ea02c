"""How a trained network runs: the executors, and the choice of one."""

from bench.execution.choice import EXECUTORS, runs_natively, to_inference

__all__ = ["EXECUTORS", "runs_natively", "to_inference"]
