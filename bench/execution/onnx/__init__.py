"""Dynamic networks as ONNX models, and in ONNX Runtime."""

from bench.execution.onnx.decisions import decided_by, output_of
from bench.execution.onnx.executor import OnnxNetwork
from bench.execution.onnx.quantising import QuantisedNetwork, require_static, write_quantised
from bench.execution.onnx.session import Session
from bench.execution.onnx.writing import missing_packages, not_exported, to_onnx, to_program

__all__ = [
    "OnnxNetwork",
    "QuantisedNetwork",
    "Session",
    "decided_by",
    "missing_packages",
    "not_exported",
    "output_of",
    "require_static",
    "to_onnx",
    "to_program",
    "write_quantised",
]
