"""Draws plots with matplotlib, which is loaded here alone and only to draw."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    Maker = Callable[[], Figure | list[Figure] | None]
    """Makes a plot, several of one kind, or none where there is nothing to show."""

BACKEND = "MPLBACKEND"
SCREEN, PAPER = ("svg", "png"), ("svg", "png", "pdf")
"""Kinds of files that plots are written as, for a page and for a paper."""
LONGEST = 300
"""Letters of an error."""
_log = logging.getLogger(__name__)


def draw(title: str, makers: Callable[[], Mapping[str, Maker]], out: Path, kinds: Sequence[str] = SCREEN) -> list[Path]:
    """Draws plots into ``out``; what cannot be drawn costs a line of the log.

    Args:
        title: what the plots are about.
        makers: imports what draws, and returns a maker for the name of each plot.
        kinds: of files, ``svg``, ``png`` and ``pdf``.

    Raises:
        BadInput: a file that cannot be written.
    """
    try:
        with _own_settings():
            return [path for name, make in makers().items() for path in _drawn(name, make, out, kinds)]
    except BadInput:
        raise
    except Exception as error:  # whatever keeps matplotlib from being loaded
        _log.warning("no plots of %s: %s", title, _told(error))
        return []


def _drawn(name: str, make: Maker, out: Path, kinds: Sequence[str]) -> list[Path]:
    from bench.report.plots.accuracy import save

    try:
        made = make()
        figures = made if isinstance(made, list) else [made] if made else []
        names = [name + (f"-{place}" if place > 1 else "") for place in range(1, len(figures) + 1)]
        return [path for one, figure in zip(names, figures) for path in save(figure, out, one, kinds)]
    except BadInput:
        raise
    except Exception as error:  # a font, a version: the tables are worth more than a plot
        _log.warning("no plot %s: %s", name, _told(error))
        return []


@contextmanager
def _own_settings() -> Iterator[None]:
    """Draws under matplotlib's defaults and ours alone: a report is a function of records.

    A backend that the environment asks for belongs to a notebook or a desktop; here it is neither needed nor loaded.
    """
    backend = os.environ.pop(BACKEND, None)
    try:
        import matplotlib

        from bench.report.plots.accuracy import RC

        with matplotlib.rc_context():
            matplotlib.rcParams.update(matplotlib.rcParamsDefault | RC)
            yield
    finally:
        if backend is not None:
            os.environ[BACKEND] = backend


def _told(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST]
