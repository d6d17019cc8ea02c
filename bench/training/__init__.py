"""Training: one loop for all methods, with checkpoints."""

from bench.recipe import Recipe
from bench.training.selection import selection_key
from bench.training.trainer import Trainer

__all__ = ["Recipe", "Trainer", "selection_key"]
