"""Entry points: how methods, data sets and backbones are found, ours and those of other packages."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any

from bench.errors import BadInput

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")
"""What an entry may be called: its name becomes part of folders' names, and stands in tables and commands."""
LETTERS = "letters, digits, '.', '_', '+' and '-', at most 64"
SHOWN = 60
"""Letters of an unknown name in a message."""


@dataclass(frozen=True)
class Group:
    """A group of entry points.

    Attributes:
        group: as packages declare it, for instance ``bench.methods``.
        kind: what its entries are, for messages.
        own: our entries that are known without an installation, each name with its ``module:attribute``.
    """

    group: str
    kind: str
    own: Mapping[str, str] = field(default_factory=dict)

    def points(self) -> list[EntryPoint]:
        """All entries; none of them is imported."""
        ours = [EntryPoint(name, value, self.group) for name, value in self.own.items()]
        return ours + list(_installed(self.group, tuple(sys.path)))

    def names(self) -> list[str]:
        """Names of all entries, ours first, each once."""
        return list(dict.fromkeys([*self.own, *sorted(point.name for point in self.points())]))

    def load(self, name: str, then: Callable[[Any], Any] = lambda found: found) -> Any:
        """What is registered under a name.

        Args:
            then: applied to it; what goes wrong there is told as what goes wrong while it is imported.

        Raises:
            BadInput: an unknown name, one that is no name for a folder or that two distributions register, or one that
                cannot be imported.
        """
        point = self._only([point for point in self.points() if point.name == name], name)
        try:
            return then(point.load())
        except (Exception, SystemExit) as error:  # whatever a plug-in does while it is imported
            reason = f"{error}{_hidden(point, error)}"
            raise BadInput(f"{self.kind} {_shown(name)} ({point.value}) cannot be loaded: {reason}") from error

    def _only(self, found: list[EntryPoint], name: str) -> EntryPoint:
        """The one registration; a distribution that is found twice (installed, and on the path) counts once."""
        if not found:
            raise BadInput(f"unknown {self.kind} {_shown(name)}: choose from {', '.join(self.names())}")
        if not NAME.fullmatch(name):
            registers = f"{_distribution(found[0])} registers {_shown(name)}"
            raise BadInput(f"{registers}, which is no name for a {self.kind}: {LETTERS}")
        if len({(_distribution(point), point.value) for point in found}) > 1:
            owners = " and ".join(sorted(f"{_distribution(point)} ({point.value})" for point in found))
            raise BadInput(f"{self.kind} {_shown(name)} is registered twice, by {owners}: uninstall one of them")
        return found[0]


METHODS = Group("bench.methods", "method")
DATASETS = Group(
    "bench.datasets",
    "data set",
    {
        name: f"bench.data.sets.{name}:SOURCE"
        for name in ("digits", "cifar10", "cifar100", "imagenet", "folder", "timm")
    },
)
BACKBONES = Group("bench.backbones", "backbone")
NETWORKS = Group("bench.networks", "network")
TRACKERS = Group(
    "bench.trackers",
    "tracker",
    {
        "tensorboard": "bench.runs.trackers.tensorboard:TensorBoard",
        "mlflow": "bench.runs.trackers.mlflow:MLflow",
        "wandb": "bench.runs.trackers.wandb:WandB",
    },
)


@lru_cache(maxsize=64)
def _installed(group: str, path: tuple[str, ...]) -> EntryPoints:
    """A group's entries in all packages, read once for each ``sys.path``: a run asks tens of times, 10 ms each.

    What is installed while a process runs is found by the next one.
    """
    return entry_points(group=group)


def _shown(name: str) -> str:
    return repr(name)[:SHOWN]


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "dynamic-inference-bench"


def _hidden(point: EntryPoint, error: BaseException) -> str:
    """Which file or folder was imported in an entry's place, where that is why its module was not found."""
    top = point.module.partition(".")[0]
    module = sys.modules.get(top)
    if not isinstance(error, (ImportError, AttributeError)) or module is None:
        return ""
    found = module.__file__ or ", ".join(getattr(module, "__path__", ()))
    return f" ({top!r} was found at {found}: does it hide another of that name?)"
