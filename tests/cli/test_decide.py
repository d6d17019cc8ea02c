"""``bench decide``, as people and their CI run it."""

import pytest
from synthetic import Runs, timing

from bench.cli import main
from bench.records import find_records
from bench.records.conditions import LOAD, add_condition


@pytest.fixture
def decide(tmp_path, monkeypatch, capsys):
    """Runs ``bench decide`` on a folder of four entries; returns exit code, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "runs").mkdir()
    runs = Runs(tmp_path / "runs")
    for seed, top1 in ((0, 80), (1, 100)):
        runs.add("lcnet", point=0.5, top1=top1, seed=seed, dynamic=True, **timing(0.5, 0))
    runs.add("l1", point=0.4, top1=88, **timing(0.4, 0))
    runs.add("slim", point=0.3, top1=99)
    runs.add("skipnet", point=0.6, top1=97, dynamic=True, valid=False, **_invalid(timing(0.6, 0)))

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main(["decide", str(tmp_path / "runs"), *map(str, arguments)])
        return left.value.code, *capsys.readouterr()

    run.runs = runs
    return run


def _invalid(timed):
    reasons = {"invalid_reasons": ["too few rounds"]}
    return timed | {"invalid_reasons": "too few rounds", "details": {"timing": timed["details"]["timing"] | reasons}}


def _line(stdout, label):
    (line,) = (line for line in stdout.splitlines() if line.strip().startswith(label))
    return line


def test_each_entry_says_which_limits_it_missed(decide):
    code, stdout, stderr = decide("--max-ms", 5, "--min-top1", 89)
    assert code == 1 and "none of 4 entries" in stderr
    assert "p50 5.250 ms is above 5 ms" in _line(stdout, "lcnet 0.5")
    assert "is below 89 %" in _line(stdout, "l1 0.4") and "ms" not in _line(stdout, "l1 0.4").split("%")[-1]
    assert "not timed" in _line(stdout, "slim 0.3")
    assert "times are INVALID: too few rounds" in _line(stdout, "skipnet 0.6")


def test_seeds_are_pooled_before_they_are_judged(decide):
    code, stdout, _ = decide("--max-ms", 6, "--min-top1", 88.5)
    assert code == 0 and "ship lcnet 0.5: highest top-1 of 1 within the limits, of 4" in stdout


def test_preference_decides_among_what_is_left(decide):
    assert "ship lcnet 0.5: highest top-1 of 2" in decide("--max-ms", 6)[1]
    assert "ship l1 0.4: shortest latency of 2" in decide("--max-ms", 6, "--prefer", "ms")[1]
    assert "ship slim 0.3: fewest MACs of 4" in decide("--min-top1", 50, "--prefer", "macs")[1]


def test_times_fall_out_only_where_time_is_asked_for(decide):
    code, stdout, _ = decide("--min-top1", 98)
    assert code == 0 and "ship slim 0.3" in stdout and "not timed" not in stdout


def test_a_size_that_is_not_known_is_within_no_limit(decide):
    code, stdout, _ = decide("--max-mb", 1)
    assert code == 1 and "the size of its file is not known" in _line(stdout, "slim 0.3")


def test_latency_under_load_is_held_at_its_rate(decide, tmp_path):
    """The best policy of an entry counts but ``group``, its slowest seed, and no rate below the one asked for."""
    rows = (("lcnet", 0, 400, "none", 9.0), ("lcnet", 0, 400, "batch", 3.0), ("lcnet", 1, 500, "none", 4.0),
            ("lcnet", 1, 900, "none", 30.0), ("slim", 0, 100, "none", 1.0), ("l1", 0, 400, "none", 6.0),
            ("l1", 0, 400, "group", 2.0))  # fmt: skip
    jobs = {(record.method, record.seed): folder.name for folder, record in find_records([tmp_path / "runs"]).items()}
    for method, seed, rate, policy, p99 in rows:
        known = dict.fromkeys(LOAD.columns, 1.0) | dict.fromkeys(("command", "commit", "environment_id"), "x")
        told = {"job": jobs[method, seed], "arrivals": "poisson", "policy": policy, "rate": rate, "asked": f"{rate}/s"}
        told |= {"p99_ms": p99, "machine": "a quiet one", "method": method, "dataset": "digits", "backbone": "tiny"}
        add_condition(tmp_path / "runs" / LOAD.file, LOAD, known | told)
    code, stdout, _ = decide("--p99-at-rate", 300, 5)
    assert code == 0 and "ship lcnet 0.5: highest top-1 of 1" in stdout and "under load on: a quiet one" in stdout
    assert "4.000" in _line(stdout, "lcnet 0.5") and "p99 at 300/s" in stdout
    assert "p99 under load 6.000 ms is above 5 ms" in _line(stdout, "l1 0.4")
    assert "not measured under that load" in _line(stdout, "slim 0.3")
    assert decide("--p99-at-rate", 600, 5)[0] == 1


@pytest.mark.parametrize("percentile, ms", [("50", 5.3), ("99", 6.9)])
def test_percentile_chooses_the_time_that_is_limited(decide, percentile, ms):
    assert decide("--max-ms", ms, "--percentile", percentile, "--min-top1", 88.5)[0] == 0
    assert decide("--max-ms", ms - 0.1, "--percentile", percentile, "--min-top1", 88.5)[0] == 1


def test_bad_input_is_one_line(decide):
    assert decide()[::2] == (
        2,
        "bench: say what it has to keep: --min-top1, --max-ms, --max-macs, --max-mb or --p99-at-rate\n",
    )
    decide.runs.add("dense", dataset="cifar10")
    code, _, stderr = decide("--min-top1", 1)
    assert code == 2 and "one data set at a time" in stderr and stderr.count("\n") == 1
