"""Early exits: conformance, what learns, and landing on operating points by calibration."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import torch

from baselines.early_exit import EarlyExit
from baselines.sdn import SDN
from baselines.selfxit import SelfXit
from baselines.ztw import ZTW
from bench.errors import BadInput
from bench.measurement.conformance import verify_method
from bench.methods import load_method
from bench.methods.interface import Budget, TrainingBatch
from bench.networks.backbones import build_backbone
from bench.networks.exits import exit_places


@pytest.mark.parametrize("method", [EarlyExit(rule="entropy"), EarlyExit(rule="patience", shares=(0.4, 0.7)), ZTW()])
def test_methods_are_what_they_claim(method):
    assert [one for one in verify_method(method) if not one.passed] == []


@pytest.mark.parametrize("method", [EarlyExit(), SDN(), SDN(mixed=True), SelfXit()])
def test_heads_learn_within_the_epochs(method):
    checks = ("every gate gets a gradient", "batch norm moves once per step", "epochs keep to the budget")
    assert [one for one in verify_method(method, checks) if not one.passed] == []


@pytest.mark.parametrize(
    "name", ["early_exit", "early_exit[rule=patience]", "sdn", "sdn[mixed=true]", "selfxit", "ztw"]
)
def test_registered(name):
    assert load_method(name).info.decides == "where to stop"


def test_exits_stand_where_the_cost_is():
    backbone = build_backbone("resnet20", classes=10)
    # Shares behind the blocks of ResNet-20: 0.127, 0.244, 0.360, 0.447, 0.564, 0.680, 0.767, 0.884.
    assert exit_places(backbone, (0.25, 0.4, 0.55, 0.7, 0.85)) == [1, 2, 4, 5, 7]
    assert exit_places(backbone, (0.99,)) == [7]


@pytest.mark.parametrize(
    ("method", "learns"), [(SDN(), False), (SDN(mixed=True), True), (EarlyExit(), True), (ZTW(), False)]
)
def test_frozen_or_not(method, learns):
    network = method.build(build_backbone("resnet8", classes=10), 0.5)
    backbone = {id(parameter) for parameter in network.backbone.parameters()}
    for stage in method.stages(network, 0.5, Budget(10, pretrained=True)):
        trained = {id(parameter) for group in stage.groups for parameter in group.parameters}
        assert bool(trained & backbone) == learns


def test_imitation_sees_no_label_and_ends_where_exits_say_what_the_network_says():
    network = SelfXit().build(build_backbone("resnet8", classes=10), 0.5).eval()
    (stage,) = SelfXit().stages(network, 0.5, Budget(3, pretrained=True))
    images, nobody = torch.randn(6, 3, 32, 32), torch.zeros(6, dtype=torch.long)

    def seen(logits):
        raise AssertionError("the labels were looked at")

    loss = stage.loss(network, TrainingBatch(images, nobody, 0.5, seen))
    given = network(images).exits.given
    expected = torch.nn.KLDivLoss(reduction="batchmean", log_target=True)
    told, wanted = given.div(4).log_softmax(2)[:-1], given.div(4).log_softmax(2)[-1]
    torch.testing.assert_close(loss, 16 * sum(expected(one, wanted) for one in told))
    with pytest.raises(BadInput, match="frozen"):
        SelfXit(mixed=True).stages(network, 0.5, Budget(3, pretrained=True))


def test_zero_time_waste_starts_as_a_plain_mean():
    network = ZTW().build(build_backbone("resnet14", classes=10), 0.5)
    said = [torch.randn(5, 10) for _ in range(3)]
    mean = torch.stack(said).log_softmax(2).mean(0)
    torch.testing.assert_close(network.rule.answer(said), mean)


def test_a_run_lands_on_its_points_and_says_where_images_stop(bench_here, tmp_path):
    arguments = ("--backbone", "resnet8", "--epochs", "2", "--no-timing", "--out", "runs")
    code, _, error = bench_here("run", "--methods", "early_exit", "--points", "0.6,0.9", *arguments)
    assert code == 0, error
    for job in (tmp_path / "runs").glob("early_exit-*"):
        record = json.loads((job / "record.json").read_text())
        samples = pd.read_parquet(job / "samples.parquet")
        calibration, stopping = record["details"]["calibration"], record["details"]["stopping"]
        # Digits: few validation images; test images stop a little elsewhere.
        assert calibration["validation_cost"] == pytest.approx(record["point"], abs=0.02)
        assert record["macs_fraction"] == pytest.approx(record["point"], abs=0.06)
        shares = samples["exit"].value_counts(normalize=True)
        assert [answer["share"] for answer in stopping["answers"]] == pytest.approx(
            [shares.get(number, 0) for number in range(len(stopping["answers"]))]
        )
        assert stopping["random_control"]["macs_fraction"] == pytest.approx(record["macs_fraction"], abs=1e-6)
        assert 1 < stopping["worst_case_macs_fraction"] < 1.1
        assert not [warning for warning in record["details"]["warnings"] if "never closes" in warning]
