"""Dynamic networks as ONNX models, and in ONNX Runtime."""

from bench.execution.onnx.decisions import output_of
from bench.execution.onnx.session import Session
from bench.execution.onnx.writing import to_onnx, to_program

__all__ = ["Session", "output_of", "to_onnx", "to_program"]
