"""The rooms of the house: who imports whom, and how large anything may be."""

import ast
import subprocess
import sys
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import torch

from bench.methods import TrainingBatch
from bench.methods.interface import Step
from bench.networks.backbones import build_backbone
from bench.system.renamed import FORMER

ROOT = Path(__file__).parents[1]
MOST_MODULES_ON_TOP = 6
OTHER_ROOMS = {"baselines", "experiments", "lcnet", "reliability"}
"""Folders of tests whose subject is no room of ``bench``."""
LONGEST_FUNCTION, MOST_ARGUMENTS, MOST_FIELDS, LONGEST_FILE = 59, 6, 12, 250
"""In lines, but for arguments and fields. A file should stay near 100."""
LARGER = {
    "baselines/skipnet.py": "a method is one file, and this one has two kinds of gate and a stage of policy gradients",
    "bench/data/imagenet.py:_note": "part of what every job's id covers: not rewritten for its form alone",
    "bench/measurement/latency.py:Timing": "columns of the table's row",
    "bench/records/record.py:Record": "the table's row",
    "bench/runs/plan/jobs.py:Job": "lies flat in ids and plans, as in committed records",
}
"""What is larger than the limits, and why."""


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


def test_tests_mirror_the_rooms():
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("*/test_*.py")}
    homeless = [str(folder) for folder in folders if not (ROOT / "bench" / folder).is_dir()]
    assert set(homeless) <= OTHER_ROOMS


def test_a_method_written_for_former_names_still_works():
    source = (ROOT / "tests" / "plugin" / "linear_gate.py").read_text()
    for former, present in FORMER.items():
        source = source.replace(f"from {present} import", f"from {former} import")
    source = source.replace(
        "    def decide_layer(",
        "    def look(self, index, x):\n        return -x.mean((2, 3))\n\n    def decide_layer(",
    )
    assert "bench.dynamic.method" in source
    module: dict = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        exec(source, module)
    network = module["LinearGate"]().build(build_backbone("resnet8", classes=10), 0.5)
    images = torch.randn(2, 3, 32, 32)
    assert (network.router.gate_input(0, images) == -images.mean((2, 3))).all()
    assert network(images).trace is None and Step is TrainingBatch


@pytest.mark.parametrize("former", sorted(FORMER))
def test_former_names_of_modules_import_the_same_module(former):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert import_module(former) is import_module(FORMER[former])


def _too_large() -> Iterator[str]:
    """Names of files, functions and data classes beyond the limits."""
    for package in ("bench", "lcnet", "baselines", "experiments"):
        for path in sorted((ROOT / package).rglob("*.py")):
            source, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
            if len(source.splitlines()) > LONGEST_FILE:
                yield name
            yield from (f"{name}:{node.name}" for node in ast.walk(ast.parse(source)) if _is_large(node))


def _is_large(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef):
        return node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION or _arguments(node) > MOST_ARGUMENTS
    return isinstance(node, ast.ClassDef) and _decorated(node, "dataclass") and _own_fields(node) > MOST_FIELDS


def _arguments(node: ast.FunctionDef) -> int:
    """Keyword-only arguments count like others. Those of a command are its options, of which it has what it has; those
    of a kernel are memory and shapes, since kernels know no objects."""
    if _decorated(node, "click.") or _decorated(node, "triton.jit"):
        return 0
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return sum(argument.arg not in ("self", "cls") for argument in arguments)


def _own_fields(node: ast.ClassDef) -> int:
    annotated = (one for one in node.body if isinstance(one, ast.AnnAssign))
    return sum("ClassVar" not in ast.unparse(one.annotation) for one in annotated)


def _decorated(node: ast.FunctionDef | ast.ClassDef, by: str) -> bool:
    return any(ast.unparse(decorator).startswith(by) for decorator in node.decorator_list)


def test_nothing_is_larger_than_it_may_be():
    """And the list of what is has no line too many."""
    assert set(_too_large()) == set(LARGER)


def test_limits_are_noticed():
    """The walk itself: each limit, one step beyond."""
    names = [f"a{number}" for number in range(MOST_FIELDS + 1)]
    arguments = ", ".join(names[: MOST_ARGUMENTS + 1])
    large = [
        f"def f({arguments}): ...",
        f"def f(self, *, {arguments}): ...",
        "def f():\n" + "    ...\n" * LONGEST_FUNCTION,
        "@dataclass(frozen=True)\nclass C:\n" + "".join(f"    {name}: int\n" for name in names),
    ]
    small = [
        f"def f(self, {', '.join(names[:MOST_ARGUMENTS])}): ...",
        f"@click.command()\ndef f({arguments}): ...",
        "def f():\n" + "    ...\n" * (LONGEST_FUNCTION - 1),
        "@dataclass\nclass C:\n    x: ClassVar[int]\n" + "".join(f"    {name}: int\n" for name in names[1:]),
    ]
    assert [_is_large(ast.parse(one).body[0]) for one in (*large, *small)] == [True] * 4 + [False] * 4
