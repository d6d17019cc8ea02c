from bench.execution.own import OwnOutput as OwnOutput
from bench.measurement.conformance import verify as verify
from bench.records import Record as Record
from bench.records.claims import Claim as Claim
from bench.records.claims import import_outcomes as import_outcomes
from bench.records.collection import load_records as load_records
from bench.report import write_report as write_report
from bench.runs.plan.suite import Suite as Suite
from bench.runs.python import run as run
from bench.zoo.loading import load_network as load_network

__version__: str
__all__ = [
    "Claim",
    "OwnOutput",
    "Record",
    "Suite",
    "import_outcomes",
    "load_network",
    "load_records",
    "run",
    "verify",
    "write_report",
]
