"""Numbers and text as they are written, in every format, whatever they are."""

import html
import re
from io import StringIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from bench.report.tabular import Cell, Column, Table, latex_text, markdown_text, to_console, to_latex, to_markdown
from bench.report.units import UNITS, interval, number, p_text, significant
from bench.statistics import Interval

TEXT = st.text(max_size=20)


@settings(deadline=None)
@given(st.floats(1e-6, 1e12), st.integers(1, 6))
def test_significant_digits_are_kept(value, digits):
    read = float(significant(value, digits).replace(",", ""))
    assert read == pytest.approx(value, rel=0.5 * 10 ** (1 - digits) + 1e-12)
    assert significant(-value, digits) == "-" + significant(value, digits)


@settings(deadline=None)
@given(st.floats(-1e9, 1e9), st.integers(0, 4))
def test_decimals_are_counted(value, digits):
    text = number(value, digits)
    assert len(text.partition(".")[2]) == digits
    assert float(text.replace(",", "")) == pytest.approx(value, abs=0.5001 * 10**-digits)


def test_unknown_is_a_dash_and_zero_is_none():
    assert number(None) == significant(None) == "—"
    assert (number(0.0), significant(0.0), significant(1234567.0), significant(0.00012345)) == (
        "0.00", "0", "1,234,567", "0.0001234",
    )  # fmt: skip


def test_intervals_and_p_values():
    assert interval(Interval(1, 0.5, 2), 3, str) == "1 [0.5, 2] (n=3)"
    assert interval(Interval(1, 1, 1), 1, str) == "1 (n=1)"
    assert [p_text(value) for value in (0, 0.00099, 0.001, 1)] == ["< 0.001", "< 0.001", "0.001", "1.000"]
    assert UNITS["flops"].millions(3e6) == 2 * UNITS["macs"].millions(3e6) == 6


@settings(deadline=None)
@given(TEXT)
@example("a\nb\t|c\\|d*e_f`g[h]<i>&amp;")
def test_markdown_shows_the_words_of_a_text_and_means_nothing_else(text):
    shown = markdown_text(text)
    assert html.unescape(re.sub(r"\\([\\`*_|\[\]])", r"\1", shown)) == html.unescape(
        html.escape(" ".join(text.split()), quote=False)
    )
    assert "<" not in shown and "\n" not in shown
    assert not re.search(r"[`*_|\[\]]", re.sub(r"\\.", "", shown))


@settings(deadline=None)
@given(TEXT)
@example("100% of #1 & $2_{x}^~\\ é漢")
def test_latex_of_any_text_is_ascii_and_no_command_of_it_works(text):
    shown = latex_text(text)
    assert shown.isascii() and shown.isprintable()
    plain = re.sub(r"\\(text[a-z]+\{\}|[&%$#_{}])|\$\\(pm|times|Delta|le|ge)\$", "", shown)
    assert not re.search(r"[\\&%$#_{}~^<>|]", plain)


def table(rows, best=False) -> Table:
    cells = [[Cell(text, best=best) for text in row] for row in rows]
    return Table("A name_1", "title", "caption", [Column("left", numeric=False), Column("right")], cells, ["a note"])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), max_size=4), st.booleans())
def test_every_format_has_one_line_of_equally_many_cells_for_each_row(rows, best):
    lines = to_markdown(table(rows, best)).split("\n")
    piped = [line for line in lines if line.startswith("|")]
    assert len(piped) == 2 + len(rows)
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in piped} == {3}
    latex = to_latex(table(rows, best))
    body = latex.partition(r"\midrule")[2].partition(r"\bottomrule")[0].strip().split("\n")
    assert len([line for line in body if line.endswith(r"\\")]) == len(rows)
    assert r"\label{tab:a-name-1}" in latex and "a note" in latex


def test_a_console_shows_markup_as_text():
    file = StringIO()
    Console(file=file, width=100).print(to_console(table([("[red]x[/red]", "[/]")])))
    assert "[red]x[/red]" in file.getvalue() and "[/]" in file.getvalue()
