"""Tables in narrow terminals and in pipes, and what is told before the first job."""

import pytest
from folders import image_folders

from bench.choices import method_names
from bench.cli.terminal import NARROWEST, UNLIMITED, table_console

__all__ = ["image_folders"]


FAMILIES = 8
"""Lines that name one, in the list of methods."""


@pytest.mark.parametrize(("columns", "width"), [("0", UNLIMITED), ("40", NARROWEST), ("120", 120), ("", UNLIMITED)])
def test_tables_are_never_narrower_than_their_numbers(monkeypatch, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    assert table_console().width == width


@pytest.mark.parametrize(("columns", "each"), [("80", 2.5), ("", 1)])
def test_methods_are_listed_by_whole_names_and_briefly(bench_here, monkeypatch, columns, each):
    """In ``each`` lines, on average; a terminal of 80 columns folds long ones."""
    monkeypatch.setenv("COLUMNS", columns)
    code, out, _ = bench_here("list", "methods")
    shown = out.splitlines()
    assert code == 0 and len(shown) <= 1 + FAMILIES + each * len(method_names())
    assert set(method_names()) <= {line.split(" ")[0] for line in shown}
    assert all("…" not in line and (not columns or len(line) <= 80) for line in shown)
    assert "arXiv 2007.15151" in out


def test_status_shows_jobs_whatever_columns_say(bench_here, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "0")
    assert bench_here("run", "--methods", "dense", "--backbone", "resnet8", "--epochs", "0", "--no-timing")[0] == 0
    code, out, _ = bench_here("status", "runs")
    assert code == 0 and out.startswith("1 done")


def test_too_few_test_images_are_told_before_the_first_job_and_fail_nothing(bench_here, image_folders, tmp_path):
    of = ("--dataset", "imagenet", "--data-dir", image_folders, "--backbone", "resnet18", "--loader-workers", "0")
    code, out, error = bench_here("run", "--methods", "dense", "--epochs", "0", *of)
    assert code == 0 and "not timed" in out
    assert error.splitlines()[0] == "bench: no times will be taken: timing needs at least 64 test images, not 18"
    assert not list((tmp_path / "runs").rglob("failure.json"))
