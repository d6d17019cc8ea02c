"""Trackers: what follows a run while it goes on, and ours for TensorBoard, MLflow and Weights & Biases."""

from bench.runs.trackers.tracker import Tracker, Trackers, load_trackers

__all__ = ["Tracker", "Trackers", "load_trackers"]
