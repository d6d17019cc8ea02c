"""What the plots hold, read from the figures themselves."""

from itertools import pairwise

import pytest

from bench.report.chart import Chart
from bench.report.page.interactive import difference_figure, pareto_figure
from bench.report.plots.accuracy import latency_plots, speedup_plots
from bench.report.plots.answer import difference_plot, family_plot, front_plot
from bench.report.plots.paths import block_shares, class_shares, gate_shares, macs_histograms
from bench.report.results import load_groups
from bench.report.tables.backbones import backbone_table
from bench.report.units import UNITS

MACS = UNITS["macs"]


def groups_of(runs):
    return load_groups([runs.folder])


def lines(figure):
    """Points of every line with a legend entry."""
    (axes,) = figure.axes
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines if line.get_label()[0] != "_"}


def test_static_networks_of_all_depths_make_the_front_of_page_and_paper(runs):
    dense = runs.add("dense", top1=92)
    deep = runs.add("dense", top1=94, backbone="resnet56")
    slim = runs.add("slim", point=0.5, top1=88)
    invalid = runs.add("slim", point=0.4, top1=99, valid=False)
    runs.add("lcnet", point=0.6, dynamic=True)
    groups = groups_of(runs)
    known = {(record.macs_mean / 1e6, record.top1) for record in (slim, dense, deep)}
    for group in groups:
        chart = Chart(group, groups, MACS)
        (front,) = [line for line in front_plot(chart).axes[0].lines if line.get_color() == "black"]
        drawn = list(map(tuple, front.get_xydata().tolist()))
        assert (slim.macs_mean / 1e6, slim.top1) in drawn
        assert set(drawn) <= known, "of two networks of one cost the better one"
        (trace,) = [one for one in pareto_figure(chart)["data"] if one["name"] == "static front"]
        assert list(zip(trace["x"], trace["y"])) == drawn
        assert invalid.top1 not in trace["y"]


def test_networks_of_other_backbones_stand_beside_ours_under_their_names(runs):
    runs.add("dense", top1=92)
    runs.add("lcnet", point=0.6, top1=91, dynamic=True)
    start = {"start": "backbone weights from imagenet.pth"}
    small = runs.add("dense", top1=85, seed=3, backbone="tiny", macs_mean=9e6, stage_epochs="train 2", details=start)
    groups = groups_of(runs)
    group = next(one for one in groups if one.backbone == "resnet20")
    table = backbone_table(group, groups, MACS)
    rows = [[cell.text for cell in row] for row in table.rows]
    assert {tuple(row[:2]) for row in rows} == {("tiny", "dense"), ("resnet20", "lcnet 0.6"), ("resnet20", "dense")}
    costs = [row[2].value for row in table.rows]
    assert costs == sorted(costs)
    (other,) = [row for row in table.rows if row[0].text == "tiny"]
    assert other[3].value == small.top1 and other[5].text == "train 2"
    assert table.notes == ["dense of tiny - start: backbone weights from imagenet.pth"]
    chart = Chart(group, groups, MACS)
    everywhere = [entry.label for entry in (*chart.front.nodes, *chart.other_static)]
    assert sorted(everywhere) == ["dense", "dense of tiny"]
    (text,) = [one.get_text() for one in front_plot(chart).axes[0].texts if "tiny" in one.get_text()] or [""]
    assert text == "dense of tiny" or "dense of tiny" in [entry.label for entry in chart.below]
    assert backbone_table(group, [group], MACS) is None


def test_page_and_paper_show_the_same_differences(full_runs):
    for group in (groups := groups_of(full_runs)):
        chart = Chart(group, groups, MACS)
        paper, page = difference_plot(chart).axes[0], difference_figure(chart)
        drawn = {line.get_label(): line.get_xydata().tolist() for line in paper.lines}
        for trace in page["data"]:
            if trace["name"] in chart.shown:
                assert drawn[trace["name"]] == [list(place) for place in zip(trace["x"], trace["y"])]
        assert 0 < len(chart.shown) <= 8
        best = max(chart.differences, key=lambda entry: chart.differences[entry].interval.value)
        assert best.record.method in chart.shown


def test_labels_do_not_lie_over_each_other(runs):
    runs.add("dense")
    group, *_ = groups_of(runs)
    heights = Chart(group, [group], MACS).slots({"a": 1.0, "b": 1.01, "c": 10.0, "d": 9.99}, (0.0, 10.0))
    ordered = sorted(heights.values())
    assert all(second - first > 0.5 for first, second in pairwise(ordered))
    assert ordered[-1] <= 10


def test_latency_plot_shows_timed_records_and_the_dense_network_beside_them(runs):
    dense = runs.add("dense", top1=92)
    runs.add("cnet", point=0.6, dynamic=True)
    timed = runs.add("lcnet", point=0.6, dynamic=True, latency_ms_p50=4.0, dense_latency_ms_p50=5.0)
    groups = groups_of(runs)
    (figure,) = latency_plots(groups[0], groups)
    drawn = lines(figure)
    assert drawn["lcnet"] == [[4.0, timed.top1]]
    assert drawn["dense"] == drawn["static networks"] == [[5.0, dense.top1]]
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
    assert family_plot(Chart(groups[0], groups, MACS)) is None
    assert difference_plot(Chart(groups[0], groups, MACS)) is None


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
