"""What a job's id covers: all of the source that determines numbers, and nothing that does not."""

import ast
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.data import load_source
from bench.errors import BadInput
from bench.methods import identity, load_method
from bench.methods.identity import HARNESS, determining_files, source_hash
from bench.methods.rewritten import REWRITTEN
from bench.networks.backbones import backbone_modules
from bench.system.source import file_digest

ROOT = Path(__file__).parents[2]
FILES = {
    "__init__.py": "",
    "method.py": """
from baselines.dense import Dense
from farsighted.near import Near

class Farsighted(Dense):
    near = Near

    def late(self):
        from farsighted.inner import late
        return late.LATE
""",
    "near.py": """
from . import relative
from farsighted.constants import FAR

class Near:
    far = FAR, relative.TOO
""",
    "constants.py": "FAR = 1\n",
    "relative.py": "TOO = 1\n",
    "inner/__init__.py": "",
    "inner/late.py": "LATE = 1\n",
    "stranger.py": "NOTHING = 1\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "farsighted"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.startswith("farsighted")]:
        del sys.modules[name]


@pytest.fixture
def method(package):
    return importlib.import_module("farsighted.method").Farsighted()


@pytest.mark.parametrize(
    ("changed", "matters"),
    [
        ("method.py", True),
        ("near.py", True),
        ("constants.py", True),
        ("relative.py", True),
        ("inner/late.py", True),
        ("stranger.py", False),
    ],
)
def test_an_id_covers_what_a_method_imports_from_its_package_at_any_remove(package, method, changed, matters):
    before = source_hash(method)
    with (package / changed).open("a") as file:
        file.write("CHANGED = 1\n")
    assert (source_hash(method) != before) == matters


def test_an_id_does_not_depend_on_what_was_imported_by_then(package, method):
    before = source_hash(method)
    method.late()
    assert "farsighted.inner.late" in sys.modules and source_hash(method) == before


def test_an_id_covers_what_the_base_of_another_package_imports(package, method):
    heir = type("Heir", (type(method),), {"__module__": __name__})()
    before = source_hash(heir)
    (package / "constants.py").write_text("FAR = 2\n")
    assert source_hash(heir) != before


@pytest.mark.parametrize("edit", ["comment", "docstring", "line ends", "import", "blank lines"])
def test_what_changes_no_number_changes_no_id(package, method, edit):
    before, file = source_hash(method), package / "near.py"
    text = file.read_text()
    edits = {
        "comment": text + "# more\n",
        "docstring": '"""Near."""\n' + text.replace("class Near:", 'class Near:\n    """Near."""'),
        "line ends": text.replace("\n", "\r\n"),
        "import": text.replace("from farsighted.constants", "from .constants"),
        "blank lines": text.replace("\n", "\n\n"),
    }
    file.write_bytes(edits[edit].encode())
    assert edits[edit] != text and source_hash(method) == before


def test_annotations_change_no_id(package, method):
    file = package / "constants.py"
    file.write_text("FAR: int = 1\ndef far(x):\n    return x\n")
    before = source_hash(method)
    file.write_text("FAR: float = 1\ndef far(x: int) -> int:\n    return x\n")
    assert source_hash(method) == before


@pytest.mark.parametrize("text", ["FAR = 2\n", "FAR = 1.0\n", "FAR = None\n", "FAR = True\n", "FAR = -1\n", ""])
def test_a_changed_value_changes_the_id(package, method, text):
    before = source_hash(method)
    (package / "constants.py").write_text(text)
    assert source_hash(method) != before


def test_another_import_under_the_same_name_changes_the_id(package, method):
    file, hashes = package / "near.py", set()
    for name in ("TOO", "OTHER"):
        file.write_text(f"from farsighted.relative import {name} as FAR\n")
        hashes.add(source_hash(method))
    assert len(hashes) == 2


def test_a_renamed_module_changes_no_id(package, method):
    before = source_hash(method)
    (package / "constants.py").rename(package / "zconstants.py")
    near = package / "near.py"
    near.write_text(near.read_text().replace("farsighted.constants", "farsighted.zconstants"))
    assert source_hash(method) == before


def test_an_id_does_not_depend_on_where_a_plugin_lies(tmp_path):
    program = "from bench.methods.identity import source_hash; import method; print(source_hash(method.Mine()))"
    hashes = set()
    for name in ("A", "Z"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "method.py").write_text(
            "from baselines.dense import Dense\nimport beside\n\n\nclass Mine(Dense):\n    more = beside.MORE\n"
        )
        (tmp_path / name / "beside.py").write_text("MORE = 1\n")
        command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path / name)!r}); {program}"]
        hashes.add(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert len(hashes) == 1


@pytest.fixture
def harness(tmp_path, monkeypatch):
    """A copy of the harness, which may be changed."""
    copy = tmp_path / "copy"
    shutil.copytree(HARNESS, copy, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    monkeypatch.setattr(identity, "HARNESS", copy)
    return copy


@pytest.mark.parametrize(
    "word",
    [
        "def crop_and_flip",
        "def normalise",
        "def accumulate",
        "def update_gate_statistics",
        "def evaluate",
        "class Trainer",
    ],
)
def test_an_id_covers_what_the_harness_does_to_every_network(harness, word):
    method, before = load_method("dense"), source_hash(load_method("dense"))
    files = [file for file in determining_files() if word in file.read_text()]
    assert files, f"no file that determines numbers has {word!r} in it"
    files[0].write_text(files[0].read_text() + "\nCHANGED = 1\n")
    assert source_hash(method) != before


def test_an_id_covers_a_new_module_of_a_determining_package_and_no_report(harness):
    method, before = load_method("dense"), source_hash(load_method("dense"))
    for file in (harness / "report").rglob("*.py"):
        file.write_text(file.read_text() + "\nCHANGED = 1\n")
    assert source_hash(method) == before
    (harness / "data" / "new.py").write_text("NEW = 1\n")
    assert source_hash(method) != before


NO_NUMBERS = {
    "choices": "names",
    "data.sets.digits": "the size of its images is in ids",
    "errors": "exceptions",
    "networks.backbones.traced": "counts where a backbone is seen by it, see the test below",
    "recipe": "its values are in the job",
    "records": "read to compare fingerprints",
    "system.distributed": "N processes give the numbers of one",
    "system.files": "writing",
    "system.validation": "refusals",
}
"""Modules of the harness that determining ones import and that determine nothing, and why."""


def test_what_determining_modules_import_determines_too_or_is_known_to_give_no_numbers():
    files = {file.relative_to(HARNESS).with_suffix("") for file in determining_files()}
    determining = {".".join(path.parts).removesuffix(".__init__") for path in files}
    outside = set()
    for file in determining_files():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bench."):
                module = node.module.removeprefix("bench.")
                inner = {f"{module}.{alias.name}" for alias in node.names}
                outside |= {module} - determining if not inner & determining else set()
    assert outside <= NO_NUMBERS.keys() | {"system", "methods", "measurement"}


def test_how_a_network_of_timm_s_is_seen_counts_where_it_is_needed():
    dense = load_method("dense")
    ids = [source_hash(dense, backbone_modules(name)) for name in ("resnet20", "resnet18", "convnext_atto")]
    small = backbone_modules("convnext_atto", from_files=False)
    files = {Path(f"{HARNESS.parent}/{name.replace('.', '/')}.py") for name in small}
    assert ids[0] == ids[1] != ids[2] and files == set(HARNESS.glob("networks/backbones/traced/[a-z]*.py"))
    assert {*small} - {*backbone_modules("convnext_atto")} == {"bench.networks.backbones.traced.strides"}
    assert backbone_modules("resnet20", from_files=False) == []


def test_a_package_that_was_moved_away_is_missed(harness):
    shutil.move(harness / "data", harness / "elsewhere")
    with pytest.raises(BadInput, match="no part of the harness"):
        source_hash(load_method("dense"))


def test_committed_text_has_one_kind_of_line_ends():
    listed = subprocess.run(["git", "ls-files", "--eol"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not in a clone")
    attributes = [line.split("\t")[0] for line in listed.stdout.splitlines()]
    assert attributes and all("eol=lf" in one or "-text" in one for one in attributes)
    assert not [line for line in listed.stdout.splitlines() if "i/crlf" in line or "i/mixed" in line]


def test_an_id_covers_the_data_set_and_the_backbone_of_somebody_else(package):
    dense = load_method("dense")
    alone, before = source_hash(dense), source_hash(dense, ["farsighted.near"])
    assert before != alone
    (package / "stranger.py").write_text("NOTHING = 2\n")
    assert source_hash(dense, ["farsighted.near"]) == before
    (package / "constants.py").write_text("FAR = 2\n")
    assert source_hash(dense, ["farsighted.near"]) != before and source_hash(dense) == alone


def test_our_data_sets_count_where_they_are_used():
    dense = load_method("dense")
    alone = source_hash(dense)
    assert source_hash(dense, [load_source("cifar10").module]) == alone  # as for every job since the first
    assert len({alone, *(source_hash(dense, [load_source(name).module]) for name in ("cifar100", "folder"))}) == 3


def test_an_id_covers_the_size_of_images_but_for_the_size_that_all_had():
    dense = load_method("dense")
    assert source_hash(dense, image_size=32) == source_hash(dense) != source_hash(dense, image_size=16)


def test_a_rewritten_file_keeps_its_place_in_ids_until_it_changes():
    """An entry of ``REWRITTEN`` that fits no file is dead: take it out, or ids hold what nobody computes any more."""
    folders = ("lcnet", "baselines", "bench/networks/backbones/traced")
    files = {*determining_files(), *(file for folder in folders for file in ROOT.glob(f"{folder}/*.py"))}
    present = {file_digest(file) for file in files}
    assert set(REWRITTEN) <= present
    assert not set(REWRITTEN.values()) & (present - {""})
