"""The Python API: what its page says, and what it costs to import."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.errors import BadInput

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
STUB = Path(bench.__file__).with_suffix(".pyi")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(PAGE.parents[1] / "tests" / "plugin" / "two_looks.py", tmp_path)


def test_the_examples_run_and_show_all_public_names(here):
    text = PAGE.read_text()
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, names)
    assert {name for name in bench.__all__ if f"bench.{name}" not in text} == set()
    records = names["records"]
    assert [record.method for record in records] == ["dense", "lcnet"]
    assert list(records.frame["method"]) == ["dense", "lcnet"] and len(records[1:]) == 1
    assert records[0].details["constraints"] in ("", bench.__version__)
    assert "<table" in records._repr_html_() and "lcnet" in records._repr_html_()
    assert "<table" in records[1]._repr_html_() and "macs_fraction" in records[1]._repr_html_()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ("dense",), "nosuch": 1}, "no option 'nosuch'"),
        ({"methods": ("dense",), "epochs": -1}, "epochs must be"),
        ({"methods": "dense,lnet"}, "unknown method 'dense,lnet'"),
        ({"methods": "dense", "backbone": object()}, "a backbone is given by its name, not as a object: register"),
        ({}, "say what to run"),
        ({"methods": ("dense",), "engine": "local"}, "needs to know how many jobs"),
    ],
)
def test_bad_input_is_one_line(here, options, message):
    with pytest.raises(BadInput, match=message):
        bench.run(**options)
    with pytest.raises(BadInput, match="is no folder of a finished job: it holds no record"):
        bench.load_network(".")


def test_importing_it_loads_no_torch_and_knows_its_names():
    code = "import sys, bench; print('torch' in sys.modules, set(bench.__all__) <= set(dir(bench)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_the_stub_declares_what_is_public():
    stub = STUB.read_text()
    assert set(re.findall(r"import (\w+) as \1", stub)) == set(bench.__all__)
    assert STUB.with_name("py.typed").exists()
