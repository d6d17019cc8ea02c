"""Plug-ins that are broken, shadow others or have impossible names, as files of installed distributions."""

import pytest

from bench.errors import BadInput
from bench.methods import load_method

MINE = "from baselines.dense import Dense\n\n\nclass Mine(Dense):\n    pass\n"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a distribution with one method by hand: its name, the entry point, and its module."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(entry, distribution="thirdparty", **modules):
        folder = tmp_path / f"{distribution}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[bench.methods]\n{entry}\n")
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(text)

    return install


def test_a_broken_one_is_listed_with_its_reason_below_the_others(install, bench_here):
    install("broken = nosuchmodule:X")
    code, out, _ = bench_here("list", "methods")
    assert code == 0 and "skipnet" in out
    assert "cannot be used: method 'broken' (nosuchmodule:X) cannot be loaded: No module named 'nosuchmodule'" in out


@pytest.mark.parametrize("text", ["raise ValueError('not today')\n", "import sys\nsys.exit('not today')\n"])
def test_whatever_it_does_on_import_is_a_reason(install, text):
    install("quits = quitting_plugin:X", quitting_plugin=text)
    with pytest.raises(BadInput, match=r"'quits' .* cannot be loaded: not today"):
        load_method("quits")


def test_a_name_that_two_distributions_register_is_refused(install, bench_here):
    install("lcnet = shadowing_plugin:Mine", shadowing_plugin=MINE)
    with pytest.raises(BadInput, match=r"registered twice, by dynamic-inference-bench .* and thirdparty"):
        load_method("lcnet")
    code, out, _ = bench_here("list", "methods")
    assert code == 0 and "cannot be used: method 'lcnet' is registered twice" in out


@pytest.mark.parametrize("name", ["a/b", "../up", ".hidden", "with space", "a" * 65])
def test_a_name_that_cannot_name_a_folder_is_refused(install, name):
    install(f"{name} = named_plugin:Mine", named_plugin=MINE)
    with pytest.raises(BadInput, match="no name for a method"):
        load_method(name)


def test_what_hides_a_package_is_named(install, tmp_path):
    (tmp_path / "hidden_package").mkdir()
    (tmp_path / "hidden_package" / "__init__.py").write_text("")
    install("hidden = hidden_package.method:Mine")
    with pytest.raises(BadInput, match=r"'hidden_package' was found at .*hidden_package/__init__.py: does it hide"):
        load_method("hidden")
