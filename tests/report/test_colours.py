"""Families are told apart by the colour-blind and in a grey print, by colour and by marker."""

from itertools import combinations

import numpy as np
import pytest
from colorspacious import cspace_convert

from bench.report.chart import Chart
from bench.report.families import FAMILIES
from bench.report.page.interactive import SYMBOLS, pareto_figure
from bench.report.plots.answer import front_plot
from bench.report.results import load_groups
from bench.report.styles import GREY, styles
from bench.report.units import UNITS

VISIONS = (None, "deuteranomaly", "protanomaly", "tritanomaly")
"""At full severity these are deuteranopia, protanopia and tritanopia (Machado, Oliveira and Fernandes, 2009)."""
APART, LIGHTNESS_APART = 15, 5
"""Least distance of two families in CAM02-UCS (Luo, Cui and Li, 2006), where 1 is hardly seen, and in CIE L*."""
COLOURS = [family.colour for family in FAMILIES]


def _rgb(colours):
    return np.array([[int(colour[place : place + 2], 16) for place in (1, 3, 5)] for colour in colours]) / 255


def nearest(colours, vision):
    """The smallest distance of any two colours, as somebody with that vision sees them."""
    seen = _rgb(colours)
    if vision:
        seen = cspace_convert(seen, {"name": "sRGB1+CVD", "cvd_type": vision, "severity": 100}, "sRGB1").clip(0, 1)
    return min(np.linalg.norm(a - b) for a, b in combinations(cspace_convert(seen, "sRGB1", "CAM02-UCS"), 2))


@pytest.mark.parametrize("vision", VISIONS)
def test_any_two_families_are_apart(vision):
    """And from the grey of what does not stand out."""
    assert nearest([*COLOURS, GREY], vision) > APART


def test_lightness_tells_them_apart_in_grey():
    lightness = np.sort(cspace_convert(_rgb(COLOURS), "sRGB1", "CIELab")[:, 0])
    assert np.diff(lightness).min() > LIGHTNESS_APART


def test_colours_that_only_some_tell_apart_are_noticed():
    vermillion_and_olive = ("#D55E00", "#8C6D00")
    assert nearest(vermillion_and_olive, None) > APART > nearest(vermillion_and_olive, "protanomaly")


def test_no_two_families_share_a_marker_and_the_page_has_each_of_them():
    markers = [marker for family in FAMILIES for marker in family.markers]
    assert len(set(markers)) == len(markers)
    assert len({SYMBOLS[marker] for marker in markers}) == len(markers)


def test_plots_draw_every_method_in_its_colour_with_its_marker_and_a_label(full_runs):
    groups = load_groups([full_runs.folder])
    look = styles(groups)
    for group in groups:
        chart = Chart(group, groups, UNITS["macs"])
        (axes,), page = front_plot(chart).axes, pareto_figure(chart)["data"]
        paper = {line.get_label(): (line.get_color(), line.get_marker()) for line in axes.lines}
        traces = {trace["name"]: trace["marker"] for trace in page if "marker" in trace}
        for method in chart.shown:
            colour, marker, _ = look[method]
            assert paper[method] == (colour, marker)
            assert (traces[method]["color"], traces[method]["symbol"]) == (colour, SYMBOLS[marker])
            assert method in {text.get_text().strip() for text in axes.texts}
