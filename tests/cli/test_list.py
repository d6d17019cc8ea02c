"""``bench list`` and the program's face."""

import pytest

from bench.methods import method_names


@pytest.mark.parametrize(("what", "word"), [("datasets", "cifar10"), ("backbones", "resnet110"), ("suites", "")])
def test_lists(bench, what, word):
    finished = bench("list", what)
    assert finished.returncode == 0 and word in finished.stdout.split() + [""]


def test_methods_say_what_they_decide(bench):
    finished = bench("list", "methods")
    assert finished.returncode == 0
    for name in method_names():
        assert name in finished.stdout
    assert "2007.15151" in finished.stdout


def test_unknown_command_and_version(bench):
    assert bench("nosuch").returncode == 2
    assert bench("list", "nonsense").returncode == 2
    assert "bench" in bench("--version").stdout
