"""The table of timm's networks: large enough, without a MAC that differs, and what the program says today."""

import families
import pandas as pd
import pytest
from backbones import described, main
from click.testing import CliRunner
from fill_tables import ROOT

ADAPTED = pd.read_csv(ROOT / "results/backbones/adapted.csv").set_index("network")
REFUSED = pd.read_csv(ROOT / "results/backbones/refused.csv").set_index("network")


def test_the_table_covers_families_and_every_mac_is_the_counter_s():
    assert len(ADAPTED) >= 20 and ADAPTED["family"].nunique() >= 7
    assert (ADAPTED["macs"] == ADAPTED["counter"]).all() and (ADAPTED["difference"] <= 1e-4).all()


@pytest.mark.parametrize("name", ["mobilenetv3_small_100", "vit_small_patch32_224"])
def test_a_row_is_what_the_program_says(name):
    found = described(name)
    assert {key: ADAPTED.loc[name, key] for key in ("blocks", "macs", "counter", "channels")} == {
        key: found[key] for key in ("blocks", "macs", "counter", "channels")
    }


def test_a_refusal_is_what_the_program_says():
    assert described("levit_128s") == {"refused": REFUSED.loc["levit_128s", "refused"]}


def test_a_family_s_network_is_trained_reported_and_counted(tmp_path, monkeypatch):
    monkeypatch.setitem(families.TRAINED, "ResNet", "resnet8-w0.25")
    monkeypatch.setattr(families, "METHODS", {"lcnet": True})
    options = [
        "--train",
        "--family",
        "ResNet",
        "--epochs",
        "1",
        "--runs",
        str(tmp_path / "runs"),
        "--out",
        str(tmp_path),
    ]
    ended = CliRunner().invoke(main, options)
    assert ended.exit_code == 0, ended.output
    rows = pd.read_csv(tmp_path / "trained.csv")
    assert rows["method"].tolist() == ["dense", "lcnet"]
    assert (rows["counted_equal"] == "8 of 8").all() and (rows["network"] == "resnet8-w0.25").all()
    assert "lcnet" in (tmp_path / "runs/resnet8-w0.25/report/report.md").read_text()
    assert CliRunner().invoke(main, ["--train", "--family", "VGG"]).exit_code == 2
