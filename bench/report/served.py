"""What entries did under load: rows of ``load.csv`` as a limit is held against them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.records.conditions import LOAD, find_conditions
from bench.report.entries import Entry

FORESEEN = "group"
"""The policy that knows the way of each image ahead, which no server does."""


@dataclass(frozen=True, eq=False)
class Served:
    """Measured latencies of entries at ``rate`` Poisson requests per second or more."""

    rows: pd.DataFrame
    rate: float

    def p99_ms(self, entry: Entry) -> float | None:
        """Milliseconds: of its policies the best, of its seeds the slowest; None where it was not measured.

        Of each policy the lowest rate counts that is not below the one asked for.
        """
        jobs = [result.job for result in entry.results]
        lowest = self.rows[self.rows["job"].isin(jobs)].sort_values("rate").drop_duplicates(["job", "policy"])
        return float(lowest.groupby("job")["p99_ms"].min().max()) if len(lowest) else None

    def machines(self) -> list[str]:
        """Where these latencies were taken."""
        return list(dict.fromkeys(self.rows["machine"]))


def find_served(folders: Iterable[Path], entries: Sequence[Entry], rate: float) -> Served:
    """What ``bench load`` measured of ``entries`` in all tables below ``folders``.

    Raises:
        BadInput: a table that cannot be read.
    """
    rows = find_conditions(folders, LOAD, [result.job for entry in entries for result in entry.results])
    known = (rows["arrivals"] == "poisson") & (rows["rate"] >= rate) & (rows["policy"] != FORESEEN)
    return Served(rows[known], rate)
