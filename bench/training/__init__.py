"""Training: one loop for all methods, with checkpoints."""

from bench.recipe import Recipe
from bench.training.checkpoint import Checkpoint
from bench.training.selection import selection_key
from bench.training.trainer import Trainer

__all__ = ["Checkpoint", "Recipe", "Trainer", "selection_key"]
