"""Former names of modules, so that plug-ins written for them go on working."""

from __future__ import annotations

import importlib
import sys
import warnings
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

FORMER = {
    "bench.dynamic": "bench.networks",
    "bench.dynamic.cost": "bench.networks.cost",
    "bench.dynamic.decisions": "bench.networks.decisions",
    "bench.dynamic.gates": "bench.networks.gates",
    "bench.dynamic.method": "bench.methods.interface",
    "bench.dynamic.network": "bench.networks.network",
    "bench.dynamic.objective": "bench.methods.objective",
    "bench.dynamic.router": "bench.networks.router",
    "bench.dynamic.skipping": "bench.execution.skipping",
    "bench.backbones": "bench.networks.backbones",
    "bench.backbones.cifar": "bench.networks.backbones.cifar",
    "bench.backbones.imagenet": "bench.networks.backbones.imagenet",
    "bench.backbones.importance": "bench.networks.importance",
    "bench.backbones.pruning": "bench.networks.surgery",
    "bench.backbones.residual": "bench.networks.blocks",
}
"""What methods outside this repository may import: the name it had, and where it is now."""


class FormerNames(MetaPathFinder, Loader):
    """Finds a module by the name that it had before."""

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The module's spec where ``name`` is a former one; None for all others."""
        return ModuleSpec(name, self, is_package=True) if name in FORMER else None

    def exec_module(self, module: ModuleType) -> None:
        """Puts the module of today in the place of ``module``."""
        name = module.__name__
        warnings.warn(f"{name} is {FORMER[name]} now", DeprecationWarning, stacklevel=2)
        sys.modules[name] = importlib.import_module(FORMER[name])


def install() -> None:
    """Makes former names importable; before all others, since the module of today would also be found by its folder."""
    if not any(isinstance(finder, FormerNames) for finder in sys.meta_path):
        sys.meta_path.insert(0, FormerNames())
