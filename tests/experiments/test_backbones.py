"""The table of timm's networks: large enough, without a MAC that differs, and what the program says today."""

import pandas as pd
import pytest
from backbones import described
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
