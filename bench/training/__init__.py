"""Training: one loop for all methods, with checkpoints."""

from bench.training.trainer import POINT_TOLERANCE, PRECISIONS, Recipe, selection_key, train

__all__ = ["POINT_TOLERANCE", "PRECISIONS", "Recipe", "selection_key", "train"]
