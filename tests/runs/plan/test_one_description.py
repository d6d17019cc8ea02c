"""A training option is one line in ``bench/recipe.py``; command line, suite files and reference follow."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.recipe import UNTRAINED

HARNESS = Path(bench.__file__).parent
ROOT = HARNESS.parent
LINE = '    mixup: float = option(0.0, "Share of a second image.", at_least=0, at_most=1)\n'


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the harness with one line more."""
    copy = tmp_path_factory.mktemp("extended")
    for name in ("bench", "lcnet", "baselines"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    recipe = copy / "bench" / "recipe.py"
    marker = "    trials: int = option("
    assert recipe.read_text().count(marker) == 1
    recipe.write_text(recipe.read_text().replace(marker, LINE + marker))
    return copy


def _python(folder, *arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True
    )


def test_help_and_reference_have_the_new_option(extended):
    shown = _python(extended, "-m", "bench", "run", "--help").stdout
    assert "--mixup FLOAT RANGE" in shown and "Share of a second image. Default: 0." in " ".join(shown.split())
    page = _python(extended, "-m", "bench.cli.reference").stdout
    assert "| `mixup` | a number from 0 to 1 | 0 | Share of a second image. |" in page


def test_suite_files_ids_and_the_command_line_take_it(extended, tmp_path):
    """In one process: each would load torch first."""
    options = "methods: [lcnet], backbone: resnet8-w0.25"
    (tmp_path / "refused.yaml").write_text(f"{{{options}, epochs: 1, mixup: 2}}")
    (tmp_path / "taken.yaml").write_text(f"{{{options}, epochs: 0, mixup: 0.5}}")
    program = f"""
import json
from dataclasses import asdict
from bench.cli import main
from bench.runs.plan.planning import plan
from bench.runs.plan.suite import Suite, check_suite
from bench.runs.plan.suite_file import load_suite
some, = load_suite({str(tmp_path / "taken.yaml")!r}, {{"epochs": 1}})
none = check_suite(Suite(("lcnet",), backbone="resnet8-w0.25", epochs=1))
print(json.dumps([[asdict(job)["mixup"], job.recipe.mixup, job.id] for job in (plan(some)[1], plan(none)[1])]))
for arguments in ["--suite", {str(tmp_path / "refused.yaml")!r}], ["--methods", "lcnet", "--mixup", "2"]:
    try:
        main(["run", *arguments])
    except SystemExit as ended:
        print(ended.code)
"""
    done = _python(extended, "-c", program)
    planned, *codes = done.stdout.splitlines()
    (some, trained, id_of_some), (none, _, id_of_none) = json.loads(planned)
    assert (some, trained, none) == (0.5, 0.5, 0.0) and id_of_some != id_of_none
    assert "mixup" not in UNTRAINED
    assert codes == ["2", "2"]
    of_suite, typed = done.stderr.splitlines()
    assert of_suite == f"bench: suite {tmp_path / 'refused.yaml'}: mixup must be a number from 0 to 1, not 2"
    assert "'--mixup': 2.0 is not in the range 0<=x<=1" in typed
