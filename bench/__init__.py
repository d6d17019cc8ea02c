"""A benchmark of dynamic inference: accuracy, multiply-accumulates per image, and time, measured side by side."""

__version__ = "0.1.0"
