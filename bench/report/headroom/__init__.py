"""What could be gained by choosing among networks for each image, and who gains it."""

from bench.report.headroom.findings import (
    FILE,
    Cascade,
    CurvePoint,
    Gain,
    Headroom,
    Network,
    Oracle,
    Probe,
    find_findings,
    read_findings,
    write_findings,
)
from bench.report.headroom.tables import headroom_tables
from bench.report.headroom.write import make_folder, write_headroom

__all__ = [
    "FILE",
    "Cascade",
    "CurvePoint",
    "Gain",
    "Headroom",
    "Network",
    "Oracle",
    "Probe",
    "find_findings",
    "headroom_tables",
    "make_folder",
    "read_findings",
    "write_findings",
    "write_headroom",
]
