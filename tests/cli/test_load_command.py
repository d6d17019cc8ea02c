"""``bench load`` on a tiny network."""

import pandas as pd
import pytest
from synthetic import quick_run

from bench.cli import main


def test_load_writes_rows_and_tables_and_continues(tmp_path, capsys):
    (runs,) = quick_run(tmp_path / "runs", "skipnet").glob("skipnet-*")
    arguments = [
        "load",
        str(runs),
        "--rate",
        "50",
        "--policy",
        "group",
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
        assert left.value.code == 0 and capsys.readouterr().err.count("group, 0.5 s a point") == said
    rows = pd.read_csv(runs / "stress" / "load.csv")
    assert rows["policy"].tolist() == ["group"] and (rows["restarts"] == 0).all()
    assert (rows["requests"] == 25).all() and (rows["p99_ms"] >= rows["p50_ms"]).all() and (rows["peak_mb"] > 50).all()
    assert rows["inference_mb"].between(1, rows["peak_mb"]).all()
    text = (runs / "stress" / "stress.md").read_text()
    assert "latency under arrivals" in text and "the highest rate within 10 ms" in text
    (times,) = (runs / "stress" / "images").rglob("service.parquet")
    joined = pd.read_parquet(times)
    assert len(joined) == 20 and joined["service_ms"].max() == pytest.approx(rows["service_max_ms"][0])
    assert rows[["seconds", "images", "most", "window_ms"]].values.tolist() == [[0.5, 20, 8, 0]]
    shorter = ["1" if before == "--seconds" else word for before, word in zip(["", *arguments], arguments)]
    said = {"--seconds 0.5, not 1": shorter, "--limit-ms 10, not 5": [*arguments, "--limit-ms", "5"]}
    said["--most 8, not 4"] = [*arguments, "--most", "4"]
    for difference, other in said.items():
        with pytest.raises(SystemExit) as left:
            main(other)
        assert left.value.code == 2
        assert f"was measured with {difference}: choose another --out" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("--utilisation", "1.5"), ("--policy", "magic"), ("--rate", "0")])
def test_bad_options_are_one_line(tmp_path, capsys, arguments):
    with pytest.raises(SystemExit) as left:
        main(["load", str(tmp_path), *arguments])
    assert left.value.code == 2 and capsys.readouterr().err.count("\n") == 1
