"""``bench list`` and the program's face."""

import pytest

from bench import __version__
from bench.methods import method_names


@pytest.mark.parametrize(("what", "word"), [("datasets", "cifar10"), ("backbones", "resnet110"), ("suites", "quick")])
def test_lists(bench_here, what, word):
    code, out, _ = bench_here("list", what)
    assert code == 0 and word in out.split()


def test_methods_say_what_they_decide(bench_here, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    code, out, _ = bench_here("list", "methods")
    assert code == 0
    for name in method_names():
        assert name in out
    assert "2007.15151" in out


def test_methods_stand_by_family_and_year(bench_here, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    _, out, _ = bench_here("list", "methods")
    first = [line.split()[0] for line in out.splitlines() if line.strip()]
    order = [
        "plain",
        "dense",
        "static",
        "l1",
        "halp",
        "channel",
        "fbs",
        "bas",
        "early",
        "early_exit",
        "selfxit",
        "cascades",
    ]
    assert sorted(order, key=first.index) == order


def test_unknown_command_and_version(bench_here):
    assert bench_here("nosuch")[0] == 2
    assert bench_here("list", "nonsense")[0] == 2
    assert bench_here("--version")[:2] == (0, f"bench, version {__version__}\n")
