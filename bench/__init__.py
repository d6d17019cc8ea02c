"""A benchmark of dynamic inference: accuracy, multiply-accumulates per image, and time, measured side by side."""

from importlib import import_module as _import_module
from typing import Any as _Any

from bench.system.renamed import install as _install

__version__ = "0.1.0"

# Where each public name is. Loaded when it is asked for, since torch takes seconds; ``__init__.pyi`` has the types.
_PUBLIC = {
    "OwnOutput": "bench.execution.own",
    "Record": "bench.records",
    "Suite": "bench.runs.plan.suite",
    "Claim": "bench.records.claims",
    "import_outcomes": "bench.records.claims",
    "load_network": "bench.zoo.loading",
    "load_records": "bench.records.collection",
    "run": "bench.runs.python",
    "verify": "bench.measurement.conformance",
    "write_report": "bench.report",
}
__all__ = sorted(_PUBLIC)

_install()


def __getattr__(name: str) -> _Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    return getattr(_import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
