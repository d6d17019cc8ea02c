"""Which release's tested versions an environment has."""

import pytest

import bench
from bench.system import environment


@pytest.fixture
def releases(monkeypatch, tmp_path):
    for release, torch in (("0.9.0", "2.11.0"), ("0.10.0", "2.14.1"), ("0.11.0", "2.14.1")):
        (tmp_path / f"{release}.txt").write_text(f"# tested\nnumpy==2.4.6\npytest==9.2.0\ntorch=={torch}\n")
    monkeypatch.setattr(environment, "CONSTRAINTS", tmp_path)


@pytest.mark.parametrize(
    ("torch", "numpy", "release"),
    [("2.14.1+cpu", "2.4.6", "0.11.0"), ("2.11.0", "2.4.6", "0.9.0"), ("2.14.1", "2.4.7", ""), ("2.12.0", "2.4.6", "")],
)
def test_the_newest_release_with_these_versions_is_named(releases, torch, numpy, release):
    packages = {"dynamic-inference-bench": "7", "torch": torch, "numpy": numpy}
    assert environment.constraints_met(packages) == release


def test_this_release_pins_all_that_records_name():
    file = environment.CONSTRAINTS / f"{bench.__version__}.txt"
    pinned = dict(line.split("==") for line in file.read_text().splitlines()[1:])
    assert environment.constraints_met({name: pinned[name] for name in environment.PACKAGES[1:]}) == bench.__version__
