"""The registry: what a record's identity covers."""

import importlib
import sys
from pathlib import Path

import pytest

from bench.methods import load_method, source_hash

FILES = {
    "__init__.py": "",
    "method.py": """
from baselines.dense import Dense
from farsighted.near import Near

class Farsighted(Dense):
    near = Near
""",
    "near.py": """
from . import relative
from farsighted.constants import FAR

class Near:
    far = FAR, relative.TOO
""",
    "constants.py": "FAR = 1\n",
    "relative.py": "TOO = 1\n",
    "stranger.py": "NOTHING = 1\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "farsighted"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.startswith("farsighted")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("changed", "matters"),
    [
        ("method.py", True),
        ("near.py", True),
        ("constants.py", True),
        ("relative.py", True),
        ("stranger.py", False),
    ],
)
def test_an_id_covers_what_a_method_imports_from_beside_it_at_any_remove(package, changed, matters):
    method = importlib.import_module("farsighted.method").Farsighted()
    before = source_hash(method)
    with (package / changed).open("a") as file:
        file.write("# changed\n")
    assert (source_hash(method) != before) == matters


def test_an_id_covers_what_the_base_of_another_package_imports(package):
    base = importlib.import_module("farsighted.method").Farsighted
    heir = type("Heir", (base,), {"__module__": __name__})()
    before = source_hash(heir)
    (package / "constants.py").write_text("FAR = 2\n")
    assert source_hash(heir) != before


@pytest.mark.parametrize("name", ["trainer.py", "gate_statistics.py", "evaluation.py"])
def test_an_id_covers_what_the_harness_does_to_every_network(monkeypatch, name):
    method = load_method("dense")
    before = source_hash(method)
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"# changed" * (path.name == name))
    assert source_hash(method) != before
