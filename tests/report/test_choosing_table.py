"""The table of what choosing brings."""

from bench.report.results import load_groups
from bench.report.tables.choosing import choosing_table
from bench.report.units import UNITS


def test_one_row_for_all_seeds_of_a_dynamic_network(runs):
    runs.add("dense")
    for seed, lost in ((0, 1.0), (1, 3.0)):
        shuffled = {"choosing": {"shuffled": {"p_value": 0.1 * lost}}}
        known = {"shuffled_loss": lost, "twin_loss": 2 * lost, "twin_macs_fraction": 0.61, "details": shuffled}
        runs.add("skipnet", point=0.6, dynamic=True, seed=seed, **known)
    (group,) = load_groups([runs.folder])
    ((method, _, lost, p_value, by_twin, macs, _),) = [
        [cell.text for cell in row] for row in choosing_table(group, UNITS["macs"]).rows
    ]
    assert (method, lost, p_value, by_twin, macs) == ("skipnet 0.6", "2.00", "0.100", "4.00", "0.610")


def test_no_table_of_records_from_before(runs):
    runs.add("dense")
    runs.add("skipnet", point=0.6, dynamic=True)
    assert choosing_table(load_groups([runs.folder])[0], UNITS["macs"]) is None
