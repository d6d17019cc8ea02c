"""Records that no longer fit the data, the files or the source: refused, or said in the record."""

import json

import pandas as pd
import pytest

from bench.data.recorded import gate_warnings, require_same_data
from bench.errors import BadInput
from bench.records import find_records, require_recorded_file

TINY = ("run", "--methods", "lnet", "--points", "0.6", "--backbone", "resnet8-w0.25", "--epochs", "1", "--no-timing")


def test_gates_that_never_decide_are_said():
    samples = pd.DataFrame({"executed_0": [1, 1], "kept_0": [1.0, 1.0], "executed_1": [0, 0], "kept_1": [0.0, 0.0]})
    closed, open_ = gate_warnings(samples, gated=True)
    assert "no test image executes block 1" in closed and "all of block 0" in open_
    assert gate_warnings(samples, gated=False) == [closed]
    assert gate_warnings(samples.assign(executed_0=[0, 1], executed_1=[0, 1], kept_1=[0, 0.5]), gated=True) == []


def test_other_data_other_files_and_other_source(bench_here, tmp_path, digits, monkeypatch):
    """One small run; then what it left is met by other images, other weights and a changed method."""
    assert bench_here(*TINY)[0] == 0
    found = find_records([tmp_path / "runs"])
    folder, record = next((folder, record) for folder, record in found.items() if record.method == "lnet")
    fields = {name: getattr(digits, name) for name in digits.__dataclass_fields__}
    with pytest.raises(BadInput, match="other images"):
        require_same_data(record, type(digits)(**fields | {"test": digits.test.first(499)}))
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-1] + b"\x01")
    with pytest.raises(BadInput, match="not the file"):
        require_recorded_file(folder, "model.safetensors", record)

    monkeypatch.setattr("bench.runs.plan.planning.source_hash", lambda *what: "another")
    assert bench_here(*TINY[:-3], "--epochs", "0", "--no-timing")[0] == 0
    again = find_records([tmp_path / "runs"])
    assert len(again) == 4 and again.items() >= found.items(), "changed source makes new records, the old ones stay"

    values = json.loads((folder / "record.json").read_text())
    values["details"]["data"]["fingerprint"] = "of other images"
    (folder / "record.json").write_text(json.dumps(values))
    code, _, error = bench_here("report", "runs", "--format", "csv")
    assert code == 2 and "measured on different images" in error and len(error.splitlines()) == 1
