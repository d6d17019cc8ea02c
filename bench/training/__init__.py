"""Training: one loop for all methods, with checkpoints."""

from bench.training.trainer import PRECISIONS, Recipe, selection_key, train

__all__ = ["PRECISIONS", "Recipe", "selection_key", "train"]
