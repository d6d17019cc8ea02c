"""``bench report`` and ``bench compare``, as people run them."""

import pytest
from synthetic import Runs

from bench.cli import main


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys):
    """Runs ``bench`` in this process, in a temporary folder; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        return left.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def runs(tmp_path):
    (tmp_path / "runs").mkdir()
    filled = Runs(tmp_path / "runs")
    filled.add("dense", top1=92)
    filled.add("lcnet", point=0.6, top1=88, dynamic=True)
    return filled


def test_report_of_the_default_folder_writes_every_format(bench, runs, tmp_path):
    code, stdout, stderr = bench("report", "--convention", "flops")
    assert code == 0, stderr
    written = {line.removeprefix("report/") for line in stdout.splitlines()}
    expected = {"report.md", "table.csv", "tables.tex", "index.html", "pareto-digits-resnet20.svg"}
    assert expected <= written
    assert written == {path.name for path in (tmp_path / "report").iterdir()}
    assert "FLOPs/image (M)" in (tmp_path / "report" / "report.md").read_text()


def test_jobs_that_are_not_in_the_report_are_named(bench, runs):
    for name, trace in (("lnet-failed", "failure.json"), ("cnet-ended", "checkpoint-1.pt")):
        (runs.folder / name).mkdir()
        (runs.folder / name / trace).touch()
    code, _, stderr = bench("report", "--format", "csv")
    assert code == 0 and "2 jobs, cnet-ended, lnet-failed" in stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "empty"], "no records to report on"),
        (["report", "nowhere"], "no folder nowhere"),
        (["report", "--format", "md,docx"], "unknown format 'docx'"),
        (["report", "--format", "md", "--open"], "add html to --format"),
        (["report", "--out", "file"], "cannot write to file"),
        (["compare", "runs", "runs"], "runs holds 2 records"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(bench, runs, tmp_path, arguments, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    code, _, stderr = bench(*arguments)
    assert code == 2
    assert message in stderr
    assert len(stderr.splitlines()) == 1


def test_compare_shows_the_paired_test_classes_and_images(bench, runs):
    a, b = sorted(runs.folder.iterdir())
    code, stdout, stderr = bench("compare", a, b)
    assert code == 0, stderr
    assert "McNemar's exact test p" in " ".join(stdout.split())
    assert "By class" in stdout
    assert "Images where exactly one of them is right" in stdout
