"""What the tables say, in every format."""

import re
import shutil
import subprocess

import pandas as pd
import pytest
from rich.console import Console
from scipy import stats

from bench.errors import BadInput
from bench.records import COLUMNS, SAMPLES_FILE, TABLE_COLUMNS, find_records
from bench.report import group_tables, write_report
from bench.report.results import load_groups
from bench.report.tables import console_table, results_table
from bench.report.tables.comparisons import comparison_table, front_table
from bench.report.tables.times import time_table
from bench.report.tabular import latex_document, latex_text, markdown_text, to_markdown
from bench.report.units import UNITS, significant
from bench.statistics import accuracy_interval, difference_interval

MACS, FLOPS = UNITS["macs"], UNITS["flops"]


def table_of(runs, unit=MACS):
    (group,) = load_groups([runs.folder])
    return results_table(group, unit)


def column(table, heading):
    place = [one.heading for one in table.columns].index(heading)
    return [row[place] for row in table.rows]


def test_csv_read_back_equals_the_records(full_runs, full_report):
    read = pd.read_csv(full_report.folder / "table.csv", dtype={"commit": str})
    records = list(find_records([full_runs.folder]).values())
    assert list(read.columns) == list(TABLE_COLUMNS)
    assert len(read) == len(records)
    keys = ["dataset", "method", "point", "seed"]
    read = read.sort_values(keys).to_dict("records")
    records.sort(key=lambda record: tuple((v is None, v) for v in (getattr(record, key) for key in keys)))
    for row, record in zip(read, records):
        for name in COLUMNS:
            value = getattr(record, name)
            assert pd.isna(row[name]) if value in (None, "") else row[name] == value, name


def test_one_seed_shows_wilson_and_several_their_interval_over_seeds_and_images(runs):
    top1 = [runs.add("dense", seed=seed, top1=90 + seed).top1 for seed in range(3)]
    alone = runs.add("lcnet", point=0.6, dynamic=True)
    (group,) = load_groups([runs.folder])
    dense, lcnet = column(table_of(runs), "Top-1 (%)")
    found = accuracy_interval([result.samples["correct"] for result in group.dense.results])
    assert dense.text == f"{sum(top1) / 3:.2f} [{found.low:.2f}, {found.high:.2f}] (n=3)"
    assert lcnet.text == f"{alone.top1:.2f} [{alone.top1_low:.2f}, {alone.top1_high:.2f}] (n=1)"


def test_no_interval_leaves_the_scale(runs):
    for seed, top1 in enumerate((100, 99, 92)):
        runs.add("dense", seed=seed, top1=top1)
    (cell,) = column(table_of(runs), "Top-1 (%)")
    low, high = map(float, re.search(r"\[(.*), (.*)\]", cell.text).groups())
    assert 0 < low < cell.value < high <= 100


def test_a_record_that_was_never_timed_says_so_and_keeps_its_accuracy(runs):
    runs.add("dense")
    runs.add("lcnet", point=0.5, dynamic=True, latency_ms_p50=2.5)
    reasons = ["latency: too few rounds: 3 of 7"]
    late = {"valid": False, "invalid_reasons": reasons[0], "details": {"timing": {"invalid_reasons": reasons}}}
    runs.add("skipnet", point=0.5, latency_ms_p50=2.5, **late)
    table = table_of(runs)
    assert [cell.text.partition(",")[0] for cell in column(table, "Status")] == ["VALID"] * 3
    assert [cell.text for cell in column(table, "Time")] == ["not timed", "INVALID", "VALID"]
    assert "skipnet 0.5 - time INVALID: latency: too few rounds: 3 of 7" in table.notes
    (group,) = load_groups([runs.folder])
    assert [cell.text for cell in column(time_table(group), "Status")] == ["INVALID", "VALID"]
    states = pd.read_csv(csv_of(runs)).set_index("method")["time_state"]
    assert states.to_dict() == {"dense": "not timed", "lcnet": "valid", "skipnet": "invalid"}


def csv_of(runs):
    write_report([runs.folder], runs.folder.parent / "csv", ("csv",))
    return runs.folder.parent / "csv" / "table.csv"


def test_a_missed_operating_point_is_marked_in_its_line(runs):
    runs.add("dense")
    runs.add("shallow", point=0.01, macs_fraction=0.04)
    runs.add("slim", point=0.6, macs_fraction=0.62)
    table = table_of(runs)
    assert [cell.text for cell in column(table, "Status")] == ["VALID", "VALID, missed its point", "VALID"]
    assert [cell.text for cell in column(table, "Fraction")] == ["1.000", "0.040 (not 0.01)", "0.620"]


def test_entries_are_paired_where_they_cost_alike(runs):
    runs.add("dense", top1=92)
    runs.add("lcnet", point=0.01, top1=60, macs_fraction=0.16)
    runs.add("shallow", point=0.01, top1=90, macs_fraction=1.0)
    runs.add("slim", point=0.6, top1=85, macs_fraction=0.62)
    runs.add("l1", point=0.6 + 1e-12, top1=88, macs_fraction=0.58)
    (group,) = load_groups([runs.folder])
    rows = [(row[0].text, row[1].text) for row in comparison_table(group).rows if row[1].text != "dense"]
    assert rows == [("slim 0.6", "l1 0.6")], "not six times dearer ones that were asked for the same point"


def test_seeds_that_both_have_are_compared_and_seeds_count(runs):
    for seed in (0, 1, 2):
        runs.add("dense", seed=seed, top1=92)
        runs.add("slim", point=0.5, seed=seed, top1=88)
    runs.add("l1", point=0.3, seed=1, top1=80)
    (group,) = load_groups([runs.folder])
    table = comparison_table(group)
    by_name = {row[0].text: row for row in table.rows}
    assert [by_name[name][2].text for name in ("slim 0.5", "l1 0.3")] == ["3 of both", "1 of both"]
    dense, slim = group.dense, group.entries[1]
    found = difference_interval(slim.by_seed("correct"), dense.by_seed("correct"))
    assert by_name["slim 0.5"][3].text == f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
    assert by_name["slim 0.5"][6].value is None and by_name["l1 0.3"][6].value is not None


def test_times_of_two_machines_neither_pool_nor_compete(runs):
    for seed, machine, latency in ((0, "fast", 1.0), (1, "fast", 1.2), (2, "slow", 9.0)):
        runs.add("lcnet", point=0.5, seed=seed, dynamic=True, latency_ms_p50=latency, environment_id=machine)
    runs.add("cnet", point=0.5, dynamic=True, latency_ms_p50=10.0, environment_id="slow")
    (group,) = load_groups([runs.folder])
    table = time_table(group)
    rows = {row[0].text: row[3] for row in table.rows}
    texts = {name: cell.text for name, cell in rows.items()}
    expected = {"1.10", "9.00", "10.00"}
    assert set(texts.values()) == expected and all("machine" in name for name in texts)
    assert sorted(cell.text for cell in rows.values() if cell.best) == ["1.10", "9.00"]
    assert sum("environment" in remark for remark in table.notes) == 2


def test_dense_forms_that_were_left_out_are_told(runs):
    timing = {"timing": {"dense_forms_left_out": {"torch.compile, folded": "no C++ compiler"}}}
    runs.add("lcnet", point=0.5, dynamic=True, latency_ms_p50=2.5, details=timing)
    (group,) = load_groups([runs.folder])
    assert "lcnet 0.5 - dense form left out: torch.compile, folded (no C++ compiler)" in time_table(group).notes


def test_flops_are_twice_the_macs_and_the_heading_says_which(runs):
    record = runs.add("lcnet", point=0.6, dynamic=True)
    macs, flops = table_of(runs), table_of(runs, FLOPS)
    assert column(macs, "MACs/image (M)")[0].text.startswith(f"{significant(record.macs_mean / 1e6)} ")
    assert column(flops, "FLOPs/image (M)")[0].text.startswith(f"{significant(2 * record.macs_mean / 1e6)} ")
    assert not any("MACs" in one.heading for one in flops.columns)


def test_reported_numbers_have_columns_and_a_source_of_their_own(runs):
    runs.add("dense", reported_top1=91.25, reported_macs=40_810_000.0, reported_source="He et al. 2016, table 6")
    table = table_of(runs)
    assert column(table, "Reported top-1 (%)")[0].text == "91.25"
    assert column(table, "Reported MACs (M)")[0].text == "40.81"
    assert column(table, "Reported in")[0].text == "[1]"
    assert "[1] He et al. 2016, table 6" in table.notes
    assert "91.25" not in column(table, "Top-1 (%)")[0].text


def test_invalid_is_said_and_never_best(runs):
    runs.add("dense", top1=80)
    runs.add("lcnet", point=0.1, top1=99, dynamic=True, valid=False, invalid_reasons="3 rounds of 10")
    for table in group_tables(load_groups([runs.folder])[0], MACS):
        for row in table.rows:
            assert not (row[0].text.startswith("lcnet") and any(cell.best for cell in row))
    table = table_of(runs)
    assert [cell.text for cell in column(table, "Status")] == ["VALID", "INVALID"]
    assert column(table, "Pareto")[1].text == "—"
    assert column(table, "Top-1 (%)")[0].best
    assert "lcnet 0.1 - INVALID: 3 rounds of 10" in table.notes


def test_dominated_points_are_marked(runs):
    runs.add("dense", top1=95)
    runs.add("slim", point=0.5, top1=90)
    runs.add("lcnet", point=0.8, top1=60)
    assert [cell.text for cell in column(table_of(runs), "Pareto")] == ["front", "front", "dominated"]


def test_caption_and_notes_tell_data_machine_start_budget_and_warnings(runs):
    start = "public weights, selected on the test images"
    note = "first 500 images only"
    shared = {"data": {"fingerprint": "f", "note": note}, "warnings": ["dead block 3"]}
    runs.add("dense", details=shared | {"start": start})
    runs.add("lcnet", point=0.5, stage_epochs="joint 9", details=shared)
    table = table_of(runs)
    assert "500 test images (first 500 images only)" in table.caption
    assert "Synthetic CPU, 1 thread, float32, torch 0.0" in table.caption
    assert {f"dense - start: {start}", "all - warning: dead block 3"} <= set(table.notes)
    assert {"dense - epochs: main:1", "lcnet 0.5 - epochs: joint 9"} <= set(table.notes)


def test_paired_comparison_agrees_with_scipy(runs):
    runs.add("dense", top1=92)
    runs.add("lcnet", point=0.6, top1=85, dynamic=True)
    (group,) = load_groups([runs.folder])
    (row,) = comparison_table(group).rows
    dense, lcnet = (entry.results[0].samples.set_index("index")["correct"] for entry in group.entries)
    only_lcnet, only_dense = int((lcnet & ~dense).sum()), int((dense & ~lcnet).sum())
    assert [cell.value for cell in row[4:6]] == [only_lcnet, only_dense]
    assert row[6].value == pytest.approx(stats.binomtest(only_lcnet, only_lcnet + only_dense).pvalue)
    assert row[3].value == pytest.approx(100 * (lcnet.mean() - dense.mean()))


def test_hypervolume_states_its_reference(runs):
    dense = runs.add("dense", top1=92)
    slim = runs.add("slim", point=0.5, top1=90)
    table = front_table(load_groups([runs.folder])[0], MACS)
    assert f"fraction 1, top-1 {dense.top1 - 10:.2f} %" in table.caption
    assert table.rows[1][2].value == pytest.approx(0.5 * (slim.top1 - dense.top1 + 10))


def test_only_timed_entries_have_a_time_table(runs):
    runs.add("dense")
    assert time_table(load_groups([runs.folder])[0]) is None
    rounds = {"method": [2.0, 2.1, 2.2, 2.3], "dense": [3.0, 3.1, 3.2, 3.3]}
    timing = {"timing": {"latency_rounds_ms": rounds}}
    runs.add("lcnet", point=0.5, dynamic=True, latency_ms_p50=2.5, speedup_latency=1.25, details=timing)
    table = time_table(load_groups([runs.folder])[0])
    assert [column(table, heading)[0].text for heading in ("Method", "Latency p50 (ms)")] == ["lcnet 0.5", "2.50"]
    assert column(table, "p (Mann-Whitney)")[0].value == pytest.approx(2 / 70)


def test_hostile_names_stay_text_in_markdown_and_latex(runs, tmp_path):
    hostile = "<script>alert(1)</script> | a_b & 100% #1 \\input{x} ~^ $x$ é 漢"
    runs.add(hostile, point=0.5, dynamic=True, reported_source=hostile, reported_top1=1.0)
    (table,) = group_tables(load_groups([runs.folder])[0], MACS)
    markdown = to_markdown(table)
    assert "<script>" not in markdown
    row = next(line for line in markdown.splitlines() if line.startswith("| &lt;script"))
    assert len(re.findall(r"(?<!\\)\|", row)) == len(table.columns) + 1
    compile_latex(latex_document([table]), tmp_path)


def test_latex_compiles(full_report, tmp_path):
    log = compile_latex((full_report.folder / "tables.tex").read_text(), tmp_path)
    assert "Overfull" not in log


def compile_latex(document, folder):
    if shutil.which("latexmk") is None:
        pytest.skip("latexmk is not installed (Debian: latexmk texlive-latex-recommended)")
    (folder / "tables.tex").write_text(document)
    command = ["latexmk", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (folder / "tables.pdf").stat().st_size > 10_000
    return (folder / "tables.log").read_text(errors="replace")


def test_markup_of_single_texts():
    assert latex_text("50 % & a_b") == r"50 \% \& a\_b"
    assert latex_text("é 漢\x00") == "e ??"
    assert markdown_text("a|b\n<c>") == r"a\|b &lt;c&gt;"


def test_console_table_fits_a_terminal_and_tells_invalid(runs):
    record = runs.add("lcnet", point=0.6, dynamic=True, valid=False, speedup_latency=1.5, latency_ms_p50=1.0)
    text = console_text(record)
    assert f"{record.top1:.2f}" in text
    assert f"[{record.top1_low:.1f}, {record.top1_high:.1f}]" in text
    assert "INVALID" in text
    assert "1.50 / —" in text


@pytest.mark.parametrize("scale", [1, 100])
def test_console_table_cuts_nothing_in_80_columns(runs, scale):
    name = "blockdrop_pooled_with_a_long_name"
    costs = {"macs_mean": 24.4893e6 * scale, "macs_std": 1.46e6 * scale, "macs_p5": 23.99e6 * scale}
    record = runs.add(name, point=0.6, dynamic=True, speedup_theoretical=12.5, macs_fraction=0.7, **costs)
    text = console_text(record)
    assert "…" not in text and "0.700" in text and "missed" in text and "not timed" in text
    assert name in "".join(line.strip().split(" ")[0] for line in text.splitlines())


def console_text(record):
    console = Console(width=80)
    with console.capture() as captured:
        console.print(console_table([record]))
    assert max(map(len, captured.get().splitlines())) <= 80
    return captured.get()


def test_report_is_a_pure_function_of_records(runs, tmp_path):
    runs.add("dense")
    runs.add("lcnet", point=0.6, dynamic=True)
    first, second = (write_report([runs.folder], tmp_path / name, ("md", "csv", "html")) for name in ("a", "b"))
    assert [path.name for path in first] == [path.name for path in second]
    for one, other in zip(first, second):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_latex_comes_with_tables_to_input_and_plots_for_paper(full_report):
    (answer,) = full_report.folder.glob("verdict-digits-*.tex")
    assert answer.read_text().startswith(r"\begin{table*}") and r"\documentclass" not in answer.read_text()
    svgs = {path.stem for path in full_report.folder.glob("*.svg")}
    pdfs = list(full_report.folder.glob("*.pdf"))
    assert {path.stem for path in pdfs} == svgs
    assert all(path.read_bytes().startswith(b"%PDF") and b"CreationDate" not in path.read_bytes() for path in pdfs)


def test_samples_that_are_missing_are_bad_input(runs):
    runs.add("dense")
    next(runs.folder.rglob(SAMPLES_FILE)).unlink()
    with pytest.raises(BadInput, match=r"cannot read .*samples\.parquet"):
        load_groups([runs.folder])
