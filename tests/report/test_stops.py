"""The table of networks with several answers says where images stop and what chance would make of it."""

from bench.report.results import load_groups
from bench.report.tables.stops import stop_table
from bench.report.units import UNITS


def stopping(share: float) -> dict:
    first = {"share": share, "top1_of_those": 95.0, "top1_of_all": 85.0, "macs_fraction": 0.4, "auroc": 0.9}
    last = {"share": 1 - share, "top1_of_those": 60.0, "top1_of_all": 90.0, "macs_fraction": 1.4, "auroc": None}
    return {
        "answers": [first, last],
        "random_control": {"top1": 86.0, "macs_fraction": 0.6},
        "worst_case_macs_fraction": 1.4,
        "parameters": [110_200, 269_722],
    }


def cascade(seed: int, share: float) -> dict:
    members = [
        {"method": name, "point": point, "stage_epochs": "train 3"} for name, point in (("l1", 0.4), ("dense", None))
    ]
    config = {"members": [f"hash of seed {seed}", f"another of seed {seed}"], "seed": seed}
    return {"seed": seed, "details": {"stopping": stopping(share), "members": members, "config": config}}


def test_one_row_for_all_seeds_of_a_cascade(runs):
    runs.add("dense")
    runs.add("cascade", point=0.6, dynamic=True, **cascade(0, 0.8))
    runs.add("cascade", point=0.6, dynamic=True, **cascade(1, 0.9))
    (group,) = load_groups([runs.folder])
    table = stop_table(group, UNITS["macs"])
    ((method, shares, of_these, of_all, auroc, _, chance, worst, parameters),) = [
        [cell.text for cell in row] for row in table.rows
    ]
    assert (method, shares, of_these, of_all) == ("cascade 0.6", "85.0 / 15.0", "95.0 / 60.0", "85.0 / 90.0")
    assert (auroc, chance, worst, parameters) == ("0.900 / —", "86.00", "1.400", "0.110 + 0.270")


def test_no_table_without_them(runs):
    runs.add("dense")
    assert stop_table(load_groups([runs.folder])[0], UNITS["macs"]) is None
