"""The ablation: every variant differs from LC-Net where it says so, and one run compares them on validation images."""

from pathlib import Path

import ablation
import pandas as pd
import pytest
import torch
import yaml
from click.testing import CliRunner
from safetensors.torch import save_file

from bench.networks.backbones import build_backbone

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "experiments" / "ablation.py"
ROOM = PROGRAM.with_name("ablation-room.yaml")
SUITES = PROGRAM.with_suffix(".yaml"), PROGRAM.with_name("ablation-why-gates.yaml")


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("ablation")
    torch.manual_seed(0)
    save_file(build_backbone("resnet8-w0.25", 10).state_dict(), folder / "start.safetensors")
    lines = yaml.safe_load(SUITES[0].read_text())["lines"]
    suite = {"dataset": "digits", "backbone": "resnet8-w0.25", "epochs": 9, "lines": lines}
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))
    command = ["--weights", folder / "start.safetensors", "--csv", folder / "rows.csv"]
    command += ["--suite", folder / "suite.yaml", "--epochs", "1"]  # the command line has the last word
    command += "--only static --only unalike --only layers --only l1".split()
    ended = CliRunner().invoke(ablation.main, [str(word) for word in command], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return pd.read_csv(folder / "rows.csv").set_index("variant")


def test_the_base_comes_first_and_differs_from_itself_by_nothing(rows):
    assert list(rows.index) == ["base", "static", "unalike", "layers", "l1"]
    assert (rows.loc["base", ["difference", "difference_low", "difference_high"]] == 0).all()


def test_settings_come_from_the_suite_and_then_from_the_command_line(rows):
    assert set(rows["dataset"]) == {"digits"} and set(rows["epochs"]) == {1} and set(rows["point"]) == {0.6}


MADE_BY = {"lcnet-0.41": SUITES[1], "control-0.41": PROGRAM.with_name("ablation-control.yaml"), "room": ROOM}
"""Which suite made a file of ``results/ablation``, by how its name begins."""
TOLD = {"control-0.41": {"epochs"}, "room": set()}
"""What of a suite the command line changed."""


@pytest.mark.parametrize(
    ("kind", "file"),
    [(kind, file) for kind in MADE_BY for file in sorted((ROOT / "results" / "ablation").glob(f"{kind}-*.csv"))],
    ids=lambda one: getattr(one, "stem", ""),
)
def test_committed_lines_are_those_of_the_suite(kind, file):
    suite, made = yaml.safe_load(MADE_BY[kind].read_text()), pd.read_csv(file)
    lines = suite.pop("lines")
    for row in made.itertuples():
        assert lines[row.variant] == {"what": row.what, "method": row.method}
    images = suite.pop("images")
    assert set(made["training_images"]) == {images}
    kept = suite.keys() - TOLD.get(kind, set())
    assert {name: set(made[name]) for name in kept} == {name: {suite[name]} for name in kept}


def test_without_weights_all_lines_start_from_one_initialisation(tmp_path):
    suite = {"dataset": "digits", "backbone": "resnet8-w0.25", "epochs": 1, "images": 256}
    suite["lines"] = yaml.safe_load(ROOM.read_text())["lines"]
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))
    command = ["--suite", tmp_path / "suite.yaml", "--seed", "3", "--csv", tmp_path / "rows.csv"]
    ended = CliRunner().invoke(ablation.main, [str(word) for word in command], catch_exceptions=False)
    rows = pd.read_csv(tmp_path / "rows.csv").set_index("variant")
    assert ended.exit_code == 0 and list(rows.index) == ["static", "base"] and rows["start"].isna().all()
    assert rows.loc["static", "macs_fraction_std"] == rows.loc["static", "difference"] == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lines: {base: {what: as it is, method: lcnet}}\nimage: 5", "unknown option 'image'"),
        ("lines: {base: {what: as it is, method: 'lcnet[prise=1]'}}", "no choice 'prise'"),
        ("lines: {base: {method: lcnet}}", "'what'"),
        ("dataset: digits", "no 'lines'"),
        ("lines: [", "parsing"),
        ("lines: {base: {what: as it is, method: lcnet}}", "no line 'statik': choose from base"),
    ],
)
def test_a_broken_suite_is_one_line(tmp_path, text, says):
    (tmp_path / "suite.yaml").write_text(text)
    arguments = ["--weights", str(PROGRAM), "--suite", str(tmp_path / "suite.yaml"), "--only", "statik"]
    done = CliRunner().invoke(ablation.main, arguments)
    assert done.exit_code == 2 and says in done.output.splitlines()[-1]


def test_what_learns_nothing_treats_all_images_alike(rows):
    assert rows.loc["static", "macs_fraction_std"] == 0 < rows.loc["unalike", "macs_fraction_std"]


def test_what_a_pruned_network_costs_refers_to_the_backbone_before(rows):
    assert rows.loc["l1", "macs_fraction"] == pytest.approx(0.6, abs=0.1), "filters of a narrow network are coarse"
    assert rows.loc["l1", "macs_fraction_std"] == 0


def test_differences_are_those_of_the_accuracies(rows):
    expected = rows["validation_top1"] - rows.loc["base", "validation_top1"]
    assert rows["difference"].sub(expected).abs().max() < 0.011, "both are rounded to hundredths"
    assert rows["validation_top1"].nunique() > 1, "the variants are not one and the same"
