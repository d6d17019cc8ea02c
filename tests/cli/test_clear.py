"""Command lines that would mean something else than what was typed are refused in one line."""

import pytest


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "--methods", "l1", "--methods", "slim"), "--methods is given twice: give it once, with commas"),
        (("run", "--methods", "l1", "--epochs", "1", "--epochs", "2"), "--epochs is given twice: give it once"),
        (("run", "--methods", "l1", "--timing", "--no-timing"), "--timing is given twice"),
        (("run", "--methods", "dense", "--backbone-weights", ""), "--backbone-weights is empty"),
        (("run", "--methods", "dense", "--out", ""), "--out is empty"),
        (("run", "--methods", "dense", "--out="), "--out is empty"),
        (("run", "--methods", "dense,"), "'dense,'"),
        (("run", "--methods", "dense", "--points", "0.3,,0.5"), "'0.3,,0.5'"),
        (("run", "--methods", "dense", "--out", "r\udcff"), "whose name is no UTF-8"),
        (("run", "--suite", "quick", "--pretrained", "."), "choose one"),
        (("report", ""), "is empty"),
        (("merge", "a", "", "--out", "b"), "is empty"),
        (("merge", "a", "--out", "b", "--out", "c"), "--out is given twice"),
    ],
)
def test_it_is_refused(bench_here, arguments, says):
    code, out, error = bench_here(*arguments)
    assert (code, out) == (2, "") and says in error and len(error.strip().splitlines()) == 1


def test_options_that_may_be_repeated_still_may(bench_here):
    code, _, error = bench_here("run", "--methods", "dense", "--slurm", "time=1", "--slurm", "partition=x")
    assert code == 2 and "--slurm is for --engine slurm" in error
