"""What an installation gets: wheels, and the versions that a release was tested with."""

import configparser
import email
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import bench
from bench.system.environment import CONSTRAINTS

ROOT = Path(__file__).parents[1]
NAME = re.compile(r"^[\w.-]+")


def _required() -> set[str]:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    blocks = [settings["options"]["install_requires"], *settings["options.extras_require"].values()]
    return {NAME.match(line)[0].lower() for block in blocks for line in block.split()}


def test_every_package_has_a_tested_version():
    lines = (CONSTRAINTS / f"{bench.__version__}.txt").read_text().splitlines()
    pinned = dict(line.lower().split("==") for line in lines if line and not line.startswith("#"))
    assert _required() <= pinned.keys()


@pytest.fixture(scope="module")
def pure_wheel(tmp_path_factory):
    """A wheel of the committed files without the compiled executor."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(["git", "checkout-index", "--all", f"--prefix={folder}/source/"], cwd=ROOT, check=True)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*build, str(folder / "source")], env=os.environ | {"BENCH_PURE": "1"}, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_a_pure_wheel_suits_every_platform_and_holds_all_that_is_read_at_run_time(pure_wheel):
    assert pure_wheel.name.endswith("-py3-none-any.whl")
    names = set(zipfile.ZipFile(pure_wheel).namelist())
    assert not any(name.endswith((".so", ".cpp")) for name in names)
    kinds = (
        "bench/**/*.py",
        "bench/**/*.yaml",
        "bench/**/*.pyi",
        "bench/report/page/templates/*",
        "bench/**/*.txt",
        "bench/py.typed",
    )
    needed = {str(path.relative_to(ROOT)) for kind in kinds for path in ROOT.glob(kind) if path.is_file()}
    assert needed and needed <= names
    assert {name.split("/")[0] for name in names if not name.endswith("/")} >= {"bench", "lcnet", "baselines"}


def test_an_unpacked_wheel_starts(pure_wheel, tmp_path):
    zipfile.ZipFile(pure_wheel).extractall(tmp_path)
    program = [sys.executable, "-P", "-m", "bench", "list", "suites"]
    shown = subprocess.run(
        program, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert shown.returncode == 0 and "cifar10-resnet20" in shown.stdout, shown.stderr


def test_what_an_index_shows_of_the_readme_leads_nowhere_that_is_not_there(pure_wheel):
    wheel = zipfile.ZipFile(pure_wheel)
    (name,) = (one for one in wheel.namelist() if one.endswith(".dist-info/METADATA"))
    shown = email.message_from_bytes(wheel.read(name))
    text = shown.get_payload(decode=True).decode()
    assert shown["Description-Content-Type"] == "text/markdown" and "| Budget | Best dynamic |" in text
    assert "[CITATION.cff]" in (ROOT / "README.md").read_text() and "CITATION.cff" in text
    assert [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith("https://")] == []


def test_the_container_has_the_versions_of_this_release():
    assert f" -c /source/bench/system/constraints/{bench.__version__}.txt " in (ROOT / "Dockerfile").read_text()


def test_the_workflow_and_the_readme_name_the_floor_of_torch():
    floor = re.search(r"torch>=(\S+)", (ROOT / "setup.cfg").read_text())[1]
    assert f'torch: "torch=={floor}.*"' in (ROOT / ".github" / "workflows" / "tests.yml").read_text()
    assert f"torch {floor} or newer" in (ROOT / "README.md").read_text()
