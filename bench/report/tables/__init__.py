"""Tables of a report."""

from bench.report.tables.results import (
    best,
    caption,
    console_table,
    front_marks,
    machine,
    mean_macs,
    name_cell,
    results_table,
    status_cell,
)

__all__ = [
    "best",
    "caption",
    "console_table",
    "front_marks",
    "machine",
    "mean_macs",
    "name_cell",
    "results_table",
    "status_cell",
]
