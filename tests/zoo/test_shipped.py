"""Shipped networks: found wherever they lie, measured once however often they are named."""

import json
import shutil
from pathlib import Path

import pytest
from synthetic import quick_run

from bench.choices import SHIPPED
from bench.errors import BadInput
from bench.records import find_records
from bench.runs.plan.shipped import choose_shipped
from bench.zoo import location
from bench.zoo.location import shipped_folder


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """Two networks in one folder, of which one lies in another folder too."""
    folder = tmp_path_factory.mktemp("shipped")
    quick_run(folder / "runs", "slim", folder / "results" / "first")
    dense = next(folder.glob("results/first/dense-*"))
    shutil.copytree(dense, folder / "results" / "second" / dense.name)
    return folder / "results"


@pytest.mark.parametrize("engine", [(), ("--engine", "local", "--workers", "2")])
def test_a_network_that_is_shipped_twice_is_measured_once(bench_here, shipped, tmp_path, engine):
    command = ("run", "--pretrained", shipped, "--methods", "dense,slim", "--no-timing", *engine)
    code, _, error = bench_here(*command)
    assert code == 0, error
    assert sorted(record.method for record in find_records([tmp_path / "runs"]).values()) == ["dense", "slim"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"methods": ("dense", "lcnet")}, "--methods lcnet"),
        ({"points": (0.5, 0.3)}, "--points 0.3"),
        ({"seeds": (0, 1)}, "--seeds 1"),
    ],
)
def test_a_value_that_no_network_has_is_named(shipped, options, says):
    found = find_records([shipped])
    with pytest.raises(BadInput, match=f"none of the 3 shipped networks of that kind has {says}"):
        choose_shipped(found, options | ({"methods": ("dense", "lcnet", "slim")} if "methods" in options else {}))


def test_points_are_met_within_rounding(shipped):
    assert len(choose_shipped(find_records([shipped]), {"points": (0.5 + 1e-12,)})) == 3


def test_networks_are_found_outside_a_clone(shipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(location.bench, "__file__", str(tmp_path / "site-packages" / "bench" / "__init__.py"))
    monkeypatch.setattr(location, "distribution", lambda name: _Installed(shipped.parent))
    (tmp_path / "results").mkdir()  # somebody's own results
    assert shipped_folder(Path(SHIPPED)) == shipped
    monkeypatch.setattr(location, "distribution", lambda name: _Installed(tmp_path))
    with pytest.raises(BadInput, match=r"no shipped networks here: .* clone it"):
        shipped_folder(Path(SHIPPED))
    with pytest.raises(BadInput, match=r"no folder nowhere; .* clone it"):
        shipped_folder(Path("nowhere"))


class _Installed:
    """What pip notes of a package that it installed from a folder."""

    def __init__(self, folder: Path):
        self.note = json.dumps({"url": folder.as_uri(), "dir_info": {}})

    def read_text(self, name: str) -> str | None:
        return self.note if name == "direct_url.json" else None


def test_the_repositorys_own_networks_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shipped_folder(Path(SHIPPED)) == Path(location.bench.__file__).resolve().parent.parent / "results"
