"""The rooms of the house: who imports whom, and how large anything may be."""

import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path

import pytest

from bench.system.renamed import FORMER

ROOT = Path(__file__).parents[1]
MOST_MODULES_ON_TOP = 6


def test_imports_keep_to_the_contracts():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_few_modules_stand_on_top():
    on_top = sorted(path.name for path in (ROOT / "bench").glob("*.py"))
    assert len(on_top) <= MOST_MODULES_ON_TOP, on_top


@pytest.mark.parametrize("former", sorted(FORMER))
def test_former_names_of_modules_import_the_same_module(former):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert import_module(former) is import_module(FORMER[former])
