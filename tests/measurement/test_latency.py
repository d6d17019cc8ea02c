"""The clock: what it counts, and when it says that its own numbers must not be trusted."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from bench.errors import BadInput
from bench.execution.skipping import lower
from bench.measurement.clock import MIN_ROUNDS, Measurement, measure, threads
from bench.measurement.dense import COMPILED, dense_forms
from bench.measurement.latency import (
    DENSE,
    DYNAMIC,
    SAME_EXECUTOR,
    DenseRival,
    invalid_reasons,
    speedup_theoretical,
    time_network,
)
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.cost import count_backbone
from bench.networks.network import DynamicNetwork
from lcnet.method import LNet
from lcnet.router import LCRouter

BATCHES = [torch.zeros(1)] * 5


@pytest.fixture(autouse=True)
def _one_thread(_threads):
    """Tiny convolutions: a second thread would only be waited for."""
    torch.set_num_threads(1)


def sleeper(milliseconds: float):
    return lambda batch: time.sleep(milliseconds / 1e3)


def steady(rounds: int = MIN_ROUNDS, foreign: float = 0.0, noise: float = 0.0) -> Measurement:
    """Dense takes 4 ms, dynamic 2 ms; ``noise`` is added to every other round of dynamic."""
    dynamic = np.full((rounds, 3), 2.0)
    dynamic[::2] += noise
    return Measurement({DENSE: np.full((rounds, 3), 4.0), DYNAMIC: dynamic}, np.full(rounds, foreign), seconds=5.0)


def test_the_ratio_of_known_times_is_measured():
    measured = measure({"slow": sleeper(4), "fast": sleeper(1)}, BATCHES, seconds=0.3)
    assert measured.speedup("slow", "fast") == pytest.approx(4, rel=0.5)
    assert measured.percentile("slow", 50) >= 4


def test_every_batch_is_timed_equally_often_by_everybody():
    seen = {"a": [], "b": []}
    batches = [torch.full((1,), float(index)) for index in range(3)]
    contestants = {name: lambda batch, name=name: seen[name].append(int(batch)) for name in seen}
    measured = measure(contestants, batches, seconds=0.01, min_rounds=4, max_seconds=10)
    assert all(times.shape == (measured.rounds, 3) for times in measured.milliseconds.values())
    assert measured.rounds >= 4
    for name in seen:
        assert {seen[name].count(index) for index in range(3)} == {len(seen[name]) // 3}


def test_a_limit_ends_the_rounds_and_makes_them_invalid():
    measured = measure({"a": sleeper(20), "b": sleeper(20)}, BATCHES, seconds=0.1, max_seconds=0.1)
    assert any("too few rounds" in reason for reason in measured.invalid_reasons("a", "b"))


@pytest.mark.parametrize(
    ("measurement", "reason"),
    [
        (steady(rounds=MIN_ROUNDS - 1), "too few"),
        (steady(foreign=0.5), "foreign load"),
        (steady(noise=1.0), "too noisy"),
    ],
)
def test_an_untrustworthy_measurement_says_why(measurement, reason):
    (found,) = measurement.invalid_reasons(DENSE, DYNAMIC)
    assert found.startswith(reason)


def test_both_pairs_of_a_speedup_are_checked_and_each_reason_names_its_pair():
    shaky = np.repeat(np.random.default_rng(0).uniform(0.5, 3, (40, 1)), 8, 1)
    times = {DENSE: np.full((40, 8), 2.0), SAME_EXECUTOR: shaky, DYNAMIC: np.ones((40, 8))}
    (reason,) = invalid_reasons("latency", Measurement(times, np.zeros(40), seconds=5.0))
    assert reason.startswith(f"latency: too noisy: {DYNAMIC} against {SAME_EXECUTOR}: ")
    short = invalid_reasons("latency", Measurement(times | {SAME_EXECUTOR: times[DENSE]}, np.zeros(40), seconds=0.1))
    assert short == ["latency: too short: 0.1 of 2.0 s"], "what is about both is said once"


def test_a_steady_measurement_is_valid():
    assert steady().invalid_reasons(DENSE, DYNAMIC) == []
    assert steady().speedup(DENSE, DYNAMIC) == 2


def test_nothing_to_measure_is_bad_input():
    with pytest.raises(BadInput, match="missing"):
        measure({}, BATCHES)


def test_threads_are_restored():
    before = torch.get_num_threads()
    with threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_all_dense_forms_compute_the_backbone():
    backbone = cifar_resnet(8).eval()
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        expected = backbone(images)
    for name, form in dense_forms(backbone, compile=False).items():
        torch.testing.assert_close(form(images), expected, rtol=1e-4, atol=1e-4, msg=name)


@pytest.fixture(scope="module")
def timing():
    backbone = cifar_resnet(8)
    network = DynamicNetwork(cifar_resnet(8), LCRouter(backbone, LNet())).eval()
    return time_network(lower(network), DenseRival(backbone, compile=False), torch.randn(70, 3, 32, 32), 1, 0.5)


def test_a_timing_holds_together(timing):
    assert timing.latency_ms_p50 <= timing.latency_ms_p90 <= timing.latency_ms_p99
    assert timing.realised_latency == pytest.approx(timing.speedup_latency / timing.speedup_theoretical)
    assert timing.speedup_theoretical < 1, "all gates are open, and they cost something"
    assert timing.raw["latency_dynamic_ms"].shape == (timing.rounds_latency, 70)
    assert timing.raw["throughput_dense_ms"].shape == (timing.rounds_throughput, 2)


def test_raw_values_can_be_read_again(timing, tmp_path):
    timing.save_raw(tmp_path / "timing.npz")
    with np.load(tmp_path / "timing.npz") as raw:
        assert set(raw) == set(timing.raw)
        np.testing.assert_array_equal(raw["latency_dense_ms"], timing.raw["latency_dense_ms"])


def test_too_few_images_are_bad_input():
    backbone = cifar_resnet(8)
    with pytest.raises(BadInput, match="64"):
        time_network(lower(DynamicNetwork(backbone)), DenseRival(backbone, compile=False), torch.randn(5, 3, 32, 32), 1)


def test_a_pruned_network_is_compared_with_the_whole_backbone():
    """Its own dense form is narrower, and would hide what pruning saved."""
    rival, network = DenseRival(cifar_resnet(8), compile=False), DynamicNetwork(cifar_resnet(8, width=0.5)).eval()
    half = count_backbone(network.backbone).total
    assert speedup_theoretical(lower(network), rival.macs, torch.randn(2, 3, 32, 32)) == rival.macs / half > 3


def test_without_a_compiler_the_compiled_form_is_left_out_and_named():
    def refuse(images):
        raise RuntimeError("No working C++ compiler found\nwith a long trace")

    rival = DenseRival(cifar_resnet(8), compile=True)
    rival.forms[COMPILED] = refuse
    assert rival.best(torch.randn(2, 3, 32, 32).split(1), seconds=0.05) != COMPILED
    assert rival.left_out == {COMPILED: "No working C++ compiler found"}
