"""How a trained network runs: the executors, and the choice of one."""

from bench.execution.choice import EXECUTORS, Inference, native_obstacle, runs_natively, to_inference

__all__ = ["EXECUTORS", "Inference", "native_obstacle", "runs_natively", "to_inference"]
