"""``bench load`` on a tiny network."""

import pandas as pd
import pytest
from synthetic import quick_run

from bench.cli import main


def test_load_writes_rows_and_tables_and_continues(tmp_path, capsys):
    runs = quick_run(tmp_path / "runs", "dense")
    arguments = [
        "load",
        str(runs),
        "--rate",
        "50",
        "--policy",
        "batch",
        "--seconds",
        "0.5",
        "--images",
        "20",
        "--executor",
        "torch",
    ]
    for said in (1, 0):  # what is measured is kept
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 0 and capsys.readouterr().err.count("batch, 0.5 s a point") == said
    rows = pd.read_csv(runs / "stress" / "load.csv")
    assert rows["policy"].tolist() == ["batch"] and (rows["restarts"] == 0).all()
    assert (rows["requests"] == 25).all() and (rows["p99_ms"] >= rows["p50_ms"]).all() and (rows["peak_mb"] > 50).all()
    assert rows["inference_mb"].between(1, rows["peak_mb"]).all()
    text = (runs / "stress" / "stress.md").read_text()
    assert "latency under arrivals" in text and "not measured" in text


@pytest.mark.parametrize("arguments", [("--utilisation", "1.5"), ("--policy", "magic"), ("--rate", "0")])
def test_bad_options_are_one_line(tmp_path, capsys, arguments):
    with pytest.raises(SystemExit) as left:
        main(["load", str(tmp_path), *arguments])
    assert left.value.code == 2 and capsys.readouterr().err.count("\n") == 1
