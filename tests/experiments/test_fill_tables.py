"""Numbers in documents are those of the committed records."""

import click
import pandas as pd
import pytest

from experiments.fill_tables import BLOCK, ROOT, filled, table

DOCUMENTS = ("README.md", "results/README.md")
FILE = "cifar10-resnet20-long.csv"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_tables_in_documents_are_up_to_date(name):
    text = (ROOT / name).read_text()
    assert BLOCK.search(text), f"{name} has no table that a program fills"
    assert filled(text) == text, f"python experiments/fill_tables.py {name}"


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
