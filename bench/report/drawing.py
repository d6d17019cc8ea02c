"""Draws plots with matplotlib, which is imported here alone and only to draw."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BadInput
from bench.report.results import Group
from bench.report.units import Unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BACKEND = "MPLBACKEND"
_log = logging.getLogger(__name__)


def draw(group: Group, groups: Sequence[Group], unit: Unit, out: Path) -> list[Path]:
    """Draws every plot that the group's records allow, as SVG and PNG; what cannot be drawn costs a line of the log.

    Raises:
        BadInput: a file that cannot be written.
    """
    try:
        with _own_settings() as (plots, paths, save):
            makers: dict[str, Callable[[], Figure | Sequence[Figure] | None]] = {
                "pareto": lambda: plots.macs_plot(group, groups, unit),
                "latency": lambda: plots.latency_plots(group, groups),
                "speedup": lambda: plots.speedup_plots(group, groups),
                "macs": lambda: paths.macs_histograms(group, groups, unit),
                "blocks": lambda: paths.block_shares(group),
                "classes": lambda: paths.class_shares(group),
                "gates": lambda: paths.gate_shares(group),
            }
            return [path for kind, make in makers.items() for path in _drawn(kind, make, group.slug, out, save)]
    except BadInput:
        raise
    except Exception as error:  # whatever keeps matplotlib from being loaded
        _log.warning("no plots of %s: %s", group.name, _told(error))
        return []


def _drawn(kind: str, make: Callable, slug: str, out: Path, save: Callable) -> list[Path]:
    try:
        made = make()
        figures = made if isinstance(made, list) else [made] if made else []
        names = [f"{kind}-{slug}" + (f"-{place}" if place > 1 else "") for place in range(1, len(figures) + 1)]
        return [path for name, figure in zip(names, figures) for path in save(figure, out, name)]
    except BadInput:
        raise
    except Exception as error:  # a font, a backend, a version: the tables are worth more than a plot
        _log.warning("no plot %s-%s: %s", kind, slug, _told(error))
        return []


@contextmanager
def _own_settings() -> Iterator[tuple]:
    """The modules that draw, under matplotlib's defaults and ours: a report is a function of records alone.

    A backend that the environment asks for belongs to a notebook or a desktop; here it is neither needed nor loaded.
    """
    backend = os.environ.pop(BACKEND, None)
    try:
        import matplotlib

        from bench.report.plots import accuracy, paths

        with matplotlib.rc_context():
            matplotlib.rcParams.update(matplotlib.rcParamsDefault | accuracy.RC)
            yield accuracy, paths, accuracy.save
    finally:
        if backend is not None:
            os.environ[BACKEND] = backend


def _told(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
