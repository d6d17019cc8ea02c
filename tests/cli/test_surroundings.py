"""What the program finds around it may be unfit for it: one clear line, exit code 2."""

import os
import resource
import subprocess
import sys

import pytest

from bench.errors import EXIT_BAD_INPUT


def _run(place, arguments, before=lambda: None, **variables):
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=place, preexec_fn=before, env=os.environ | variables,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_removed_current_folder(tmp_path):
    def remove():
        os.mkdir("gone")
        os.chdir("gone")
        os.rmdir("../gone")

    ended = _run(tmp_path, ["run", "--methods", "dense", "--out", tmp_path / "runs"], remove)
    assert ended.returncode == EXIT_BAD_INPUT
    assert ended.stderr == "bench: the current folder has been removed: change to another one\n"


@pytest.mark.skipif(sys.platform != "linux", reason="limits on memory hold on Linux")
def test_too_little_memory_to_load_torch(tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (400 * 2**20,) * 2)

    ended = _run(tmp_path, ["run", "--methods", "dense"], limit)
    assert ended.returncode == EXIT_BAD_INPUT and ended.stderr.count("\n") == 1
    assert "cannot be loaded: " in ended.stderr or "out of memory" in ended.stderr


def test_a_warning_that_is_an_error(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, warnings\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'bench.cli.list':\n"
        "            warnings.warn('old syntax', UserWarning)\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    ended = _run(tmp_path, ["list", "suites"], PYTHONWARNINGS="error::UserWarning", PYTHONPATH=path)
    assert ended.returncode == EXIT_BAD_INPUT
    assert ended.stderr == "bench: a warning, which PYTHONWARNINGS or -W makes an error: old syntax\n"


def test_the_exit_code_tells_where_nothing_can_be_said(tmp_path):
    def fill():
        os.dup2(os.open("/dev/full", os.O_WRONLY), 2)

    if not os.path.exists("/dev/full"):
        pytest.skip("no device that is always full")
    assert _run(tmp_path, ["status", "nowhere"], fill).returncode == EXIT_BAD_INPUT
