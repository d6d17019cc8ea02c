"""Energy: read where a counter is, and said to be missing where none is."""

import pytest

from bench.measurement.energy import find_meter

zeus = pytest.importorskip("zeus.device.cpu", reason="Zeus is not installed")


class NoWrap:
    """In place of a process that watches for counters that begin anew."""

    def __init__(self, *arguments):
        pass

    def get_num_wraparounds(self):
        return 0


@pytest.fixture
def counters(tmp_path, monkeypatch):
    """A folder where Zeus looks for RAPL's counters, empty."""
    monkeypatch.setattr(zeus.rapl, "RAPL_DIR", str(tmp_path))
    monkeypatch.setattr(zeus.rapl, "RaplWraparoundTracker", NoWrap)
    monkeypatch.setattr(zeus, "_cpus", None)
    zeus.rapl.rapl_is_available.cache_clear()
    yield tmp_path
    zeus.rapl.rapl_is_available.cache_clear()


def test_energy_is_that_of_all_processors_while_work_is_done(counters):
    for number in range(2):
        (counters / f"intel-rapl:{number}").mkdir()
        for name, value in (("name", f"package-{number}"), ("energy_uj", 7e6), ("max_energy_range_uj", 1e12)):
            (counters / f"intel-rapl:{number}" / name).write_text(f"{value}\n")
    meter = find_meter()
    assert meter.missing == ""

    def work():
        (counters / "intel-rapl:0" / "energy_uj").write_text("9500000\n")
        (counters / "intel-rapl:1" / "energy_uj").write_text("8000000\n")

    assert meter.joules(work) == pytest.approx(2.5 + 1.0)


def test_without_a_counter_nothing_is_invented_and_the_reason_is_said(counters):
    meter, done = find_meter(), []
    assert "no RAPL counter" in meter.missing
    assert meter.joules(lambda: done.append(1)) is None and done == [1]
