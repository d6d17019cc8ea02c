"""Numbers in documents are those of the committed records."""

import re

import click
import pandas as pd
import pytest
from document_tables import csv_table, report_table, target_table
from fill_tables import BLOCK, ROOT, filled, table

from bench.networks.backbones import build_backbone
from bench.networks.cost import count_backbone

PAGES = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "results").glob("*/README.md"))]
DOCUMENTS = ("README.md", "results/README.md", *PAGES)
FILE = "cifar10-resnet20-long.csv"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_tables_in_documents_are_up_to_date(name):
    text = (ROOT / name).read_text()
    assert BLOCK.search(text) or "| --- |" not in text, f"{name} has no table that a program fills"
    assert filled(text) == text, f"python experiments/fill_tables.py {name}"


def test_every_line_of_a_suite_is_named_with_its_commit():
    """A table of many commits says so: on one of the pages stands each record's own, and none is of unsaved files."""
    text = "".join((ROOT / name).read_text() for name in PAGES)
    for table_file in sorted((ROOT / "results").glob("cifar10-*.csv")):
        assert re.search(rf"<!-- csv: {table_file.name};[^>]*commit:7 as commit", text), table_file.name
        commits = pd.read_csv(table_file)["commit"]
        assert commits.notna().all() and not commits.str.contains("dirty").any(), table_file.name


def test_a_row_holds_the_records_own_numbers():
    record = pd.read_csv(ROOT / "results" / FILE).set_index(["method", "point"]).loc[("lcnet", 0.58)]
    (row,) = table([FILE], "lcnet 0.58").splitlines()[2:]
    assert f"| {record['top1']:.2f} % | {record['macs_fraction']:.3f} |" in row


def test_another_number_in_a_document_is_noticed():
    text = f"<!-- table: {FILE}; slim 0.58 -->\n\n{table([FILE], 'slim 0.58')}\n<!-- end -->"
    assert filled(text) == text
    other = text.replace("0.572", "0.512")
    assert other != text and filled(other) == text


def test_a_network_without_a_record_is_refused():
    with pytest.raises(click.UsageError, match=r"no record of lcnet 0\.99"):
        table([FILE], "lcnet 0.99")


def test_a_report_table_is_the_reports_own():
    found = report_table("verdict cifar10-resnet20-long cifar10-resnet20-cascade-long", "Budget; So").splitlines()
    committed = (ROOT / "results" / "report-long" / "report.md").read_text()
    lines = [line for line in committed.partition("does it pay?")[2].splitlines() if line.startswith("| 0.")]
    assert [line.split("|")[1] for line in found[2:]] == [line.split("|")[1] for line in lines]
    answer = report_table("answer cifar10-resnet20-long cifar10-resnet20-cascade-long", None)
    assert all(sentence in committed for sentence in answer.splitlines())


def test_an_unknown_column_or_table_is_refused():
    with pytest.raises(click.UsageError, match="no column Nothing"):
        report_table("verdict cifar10-resnet20-long", "Nothing")
    with pytest.raises(click.UsageError, match="no table nothing"):
        report_table("nothing cifar10-resnet20-long", None)
    with pytest.raises(click.UsageError, match="no column nothing"):
        csv_table("ablation/lcnet-0.3.csv", "nothing")


def test_a_target_is_met_by_all_that_it_asks_for_or_missed(monkeypatch, tmp_path):
    monkeypatch.setattr("document_tables.RESULTS", tmp_path)
    records = pd.DataFrame(
        {"method": ["dense", "lcnet"], "point": [None, 0.5], "top1": [90, 89], "macs_fraction": [1, 0.5]}
    )
    records.to_csv(tmp_path / "records.csv", index=False)
    names = ["asked", "file", "method", "point", "points_below_dense", "macs_fraction", "top1"]
    rows = [["a", "records.csv", "lcnet", 0.5, 1.5, 0.5, None], ["b", "records.csv", "lcnet", 0.5, 0.5, 0.5, None]]
    pd.DataFrame(rows, columns=names).to_csv(tmp_path / "targets.csv", index=False)
    met, missed = target_table("targets.csv", None).splitlines()[2:]
    assert met.endswith("| 1.00 points below, 0.500 of the MACs | **met** |")
    assert missed.endswith("| missed |")


def test_shares_of_macs_that_the_pages_of_methods_name():
    records = pd.read_csv(ROOT / "results" / "public-start" / "resnet20.csv").set_index("method")
    gates = records["gate_macs_mean"] / records["macs_backbone"]
    baselines, lcnet = ((ROOT / name / "README.md").read_text() for name in ("baselines", "lcnet"))
    assert baselines.count("30 % of") == 1 and "spends 30 % on" in baselines
    assert gates["blockdrop"] == pytest.approx(0.30, abs=0.005)
    assert "less than a thousandth of a CIFAR ResNet's MACs" in lcnet and gates["lcnet"] < 0.001
    cost = count_backbone(build_backbone("resnet20", classes=10))
    shares = [sum(block.units) / cost.total for block in cost.blocks]
    assert "nine blocks of about 11.5 % each" in baselines and len(shares) == 9
    assert sorted(shares)[-1] == pytest.approx(0.115, abs=0.002)
