"""Agreed numbers and measured ones: what differs is named, whatever the order of rows, and nothing else is."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BadInput
from bench.records.regression import TYPES, compare_tables, read_table

FIRST = {"method": "lcnet", "dataset": "digits", "backbone": "resnet20", "point": 0.5, "seed": 0}
NAME = "lcnet/digits/resnet20/0.5/0"
NUMBERS = {"n_test": 500.0, "top1": 90.0, "macs_mean": 2e7, "macs_backbone": 4e7}


def rows(*changes: dict) -> pd.DataFrame:
    return pd.DataFrame([FIRST | NUMBERS | change for change in changes]).astype(TYPES)


TABLE = rows({}, {"point": None, "method": "dense"}, {"seed": 1}, {"point": 0.7}, {"dataset": "cifar10"})


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(len(TABLE))))
def test_the_order_of_rows_says_nothing(order):
    found = compare_tables(TABLE, TABLE.iloc[order])
    assert (found.differences, found.unmatched, found.compared) == ([], [], len(TABLE))


@pytest.mark.parametrize(
    ("column", "within", "beyond"),
    [
        ("top1", 90.049, 90.051),
        ("macs_mean", 2.0001e7, 2.0003e7),
        ("n_test", 500, 499),
        ("macs_backbone", 4e7, 4e7 + 1),
    ],
)
def test_each_number_has_its_tolerance_on_both_sides(column, within, beyond):
    agreed, middle = rows({}), NUMBERS[column]
    for value in (within, 2 * middle - within):
        assert not compare_tables(agreed, rows({column: value})).differences
    for value in (beyond, 2 * middle - beyond):
        (said,) = compare_tables(agreed, rows({column: value})).differences
        assert said.startswith(f"lcnet/digits/resnet20/0.5/0: {column} is ")


def test_a_number_that_became_unknown_is_a_difference():
    unknown = rows({}).assign(top1=float("nan"))
    assert len(compare_tables(rows({}), unknown).differences) == 1
    assert len(compare_tables(unknown, rows({})).differences) == 1


def test_rows_of_one_side_are_told_by_side():
    found = compare_tables(TABLE.iloc[:3], TABLE.iloc[1:])
    assert found.compared == 2 and not found.differences
    agreed_only = [text for text in found.unmatched if "there is no record" in text]
    assert agreed_only == ["lcnet/digits/resnet20/0.5/0: agreed, but there is no record"]
    assert sorted(set(found.unmatched) - set(agreed_only)) == [
        "lcnet/cifar10/resnet20/0.5/0: a record that the agreed table lacks",
        "lcnet/digits/resnet20/0.7/0: a record that the agreed table lacks",
    ]


def test_a_record_without_a_point_is_named_without_one():
    (said,) = compare_tables(rows({"point": None}), rows({"seed": 3}).head(0)).unmatched
    assert said.startswith("lcnet/digits/resnet20/0: ")


def test_points_meet_within_rounding_and_no_further():
    assert compare_tables(rows({"point": 0.1 + 0.2}), rows({"point": 0.3})).compared == 1
    assert compare_tables(rows({"point": 0.3}), rows({"point": 0.300001})).compared == 0


def test_two_measurements_of_one_record_are_both_compared():
    found = compare_tables(rows({}), rows({}, {"top1": 80}))
    assert found.compared == 2 and len(found.differences) == 1


def test_what_was_tuned_stands_beside_the_trained_network_of_its_point():
    both = rows({}, {"top1": 89.0, "macs_mean": 1.9e7})
    for measured in (both, both.iloc[::-1]):
        found = compare_tables(both, measured)
        assert (found.differences, found.unmatched, found.compared) == ([], [], 2)
    assert compare_tables(both, both.tail(1)).unmatched == [f"{NAME}: agreed, but there is no record"]
    wrong = compare_tables(both, rows({}, {"top1": 80, "macs_mean": 1.9e7}))
    assert (wrong.differences, wrong.unmatched) == ([f"{NAME}: top1 is 80, agreed 89 +- 0.05"], [])
    same = rows({}, {})
    assert compare_tables(same, same).compared == 2 and not compare_tables(same, same).unmatched


def test_a_table_is_read_as_it_was_written(tmp_path):
    TABLE.to_csv(tmp_path / "table.csv", index=False)
    pd.testing.assert_frame_equal(read_table(tmp_path / "table.csv"), TABLE)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda table: table.drop(columns="backbone"), "column backbone is missing"),
        (lambda table: table.assign(seed="x"), "cannot read"),
        (lambda table: table.assign(seed=[None, 0, 1, 0, 0]), "cannot read"),
    ],
)
def test_what_is_no_table_of_agreed_numbers(spoil, says, tmp_path):
    spoil(TABLE).to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(BadInput, match=says):
        read_table(tmp_path / "table.csv")
