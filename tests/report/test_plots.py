"""What the plots hold, read from the figures themselves."""

import pytest

from bench.report.page.interactive import pareto_figure
from bench.report.plots.accuracy import latency_plots, macs_plot, speedup_plots
from bench.report.plots.paths import block_shares, class_shares, gate_shares, macs_histograms
from bench.report.results import load_groups
from bench.report.units import UNITS

MACS = UNITS["macs"]


def groups_of(runs):
    return load_groups([runs.folder])


def lines(figure):
    """Points of every line with a legend entry."""
    (axes,) = figure.axes
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines if line.get_label()[0] != "_"}


def test_plain_resnets_of_all_depths_are_in_every_pareto_plot(runs):
    dense = runs.add("dense", top1=92)
    deep = runs.add("dense", top1=94, backbone="resnet56")
    slim = runs.add("slim", point=0.5, top1=88)
    invalid = runs.add("slim", point=0.4, top1=99, valid=False)
    runs.add("lcnet", point=0.6, dynamic=True)
    groups = groups_of(runs)
    static = [[record.macs_mean / 1e6, record.top1] for record in (slim, dense, deep)]
    for group in groups:
        drawn = lines(macs_plot(group, groups, MACS))["plain ResNets"]
        assert sorted(drawn) == sorted(static)
        (trace,) = [one for one in pareto_figure(group, groups, MACS)["data"] if one["name"] == "plain ResNets"]
        assert sorted(map(list, zip(trace["x"], trace["y"]))) == sorted(static)
        assert invalid.top1 not in trace["y"]


def test_latency_plot_shows_timed_records_and_the_dense_network_beside_them(runs):
    dense = runs.add("dense", top1=92)
    runs.add("cnet", point=0.6, dynamic=True)
    timed = runs.add("lcnet", point=0.6, dynamic=True, latency_ms_p50=4.0, dense_latency_ms_p50=5.0)
    groups = groups_of(runs)
    (figure,) = latency_plots(groups[0], groups)
    drawn = lines(figure)
    assert drawn["lcnet"] == [[4.0, timed.top1]]
    assert drawn["dense"] == drawn["plain ResNets"] == [[5.0, dense.top1]]
    assert "cnet" not in drawn


def test_nothing_timed_nothing_gated_nothing_drawn(runs):
    runs.add("dense")
    groups = groups_of(runs)
    assert latency_plots(groups[0], groups) == []
    assert speedup_plots(groups[0], groups) == []
    assert macs_histograms(groups[0], groups, MACS) is None
    assert block_shares(groups[0]) is None
    assert class_shares(groups[0]) is None
    assert gate_shares(groups[0]) is None


def test_heat_maps_show_the_share_of_images_that_execute_a_block(runs):
    runs.add("lcnet", point=0.6, dynamic=True)
    (group,) = groups_of(runs)
    samples = group.results[0].samples
    shown = block_shares(group).axes[0].images[0].get_array()
    assert shown.shape == (1, 9)
    assert shown[0, 3] == pytest.approx(100 * samples["executed_3"].mean())
    by_class = class_shares(group).axes[0].images[0].get_array()
    assert by_class.shape == (10, 9)
    assert by_class[7, 2] == pytest.approx(100 * samples.loc[samples["label"] == 7, "executed_2"].mean())


def test_gate_share_is_that_of_the_records(runs):
    record = runs.add("lcnet", point=0.6, dynamic=True)
    (bar,) = gate_shares(groups_of(runs)[0]).axes[0].patches
    assert bar.get_width() == pytest.approx(100 * record.gate_macs_mean / record.macs_mean)


def test_each_machine_has_a_time_plot_of_its_own(runs):
    for machine, latency in (("fast", 1.0), ("slow", 9.0)):
        times = {"latency_ms_p50": latency, "dense_latency_ms_p50": 2 * latency, "speedup_latency": 2.0}
        runs.add("lcnet", point=0.6, dynamic=True, environment_id=machine, speedup_theoretical=2.0, **times)
    (group,) = groups_of(runs)
    drawn = [lines(figure)["lcnet"][0][0] for figure in latency_plots(group, [group])]
    assert sorted(drawn) == [1.0, 9.0]
    assert len(speedup_plots(group, [group])) == 2
