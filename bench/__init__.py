"""A benchmark of dynamic inference: accuracy, multiply-accumulates per image, and time, measured side by side."""

from bench.system.renamed import install as _install

__version__ = "0.1.0"

_install()
