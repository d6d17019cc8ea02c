"""One table object, and its Markdown and LaTeX. HTML is a template; CSV is the records themselves."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import rich.box
import rich.markup
import rich.table
import rich.text

UNKNOWN = "—"


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table.

    Attributes:
        value: what a click on the heading sorts by: a number, or the text itself where None.
        best: shown in bold.
        target: id of the page's element that tells more.
        invalid: shown as what must not be trusted.
    """

    text: str
    value: float | None = None
    best: bool = False
    target: str = ""
    invalid: bool = False


@dataclass(frozen=True)
class Column:
    """A heading; ``meaning`` is the sentence behind it."""

    heading: str
    meaning: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """``notes`` stand below the table, one a line."""

    name: str
    title: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = ()


def to_markdown(table: Table) -> str:
    """A section with a pipe table."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    lines = [
        f"### {markdown_text(table.title)}",
        "",
        line([markdown_text(column.heading) for column in table.columns]),
        line(["---:" if column.numeric else ":---" for column in table.columns]),
        *(line([_markdown_cell(cell) for cell in row]) for row in table.rows),
        "",
        markdown_text(table.caption),
    ]
    lines += [f"\n- {markdown_text(text)}" for text in table.notes]
    return "\n".join(lines) + "\n"


def to_console(table: Table) -> rich.table.Table:
    """The table for a terminal."""
    shown = rich.table.Table(
        title=rich.markup.escape(table.title),
        caption=rich.markup.escape(table.caption),
        box=rich.box.SIMPLE,
        title_justify="left",
        caption_justify="left",
    )
    for column in table.columns:
        shown.add_column(rich.markup.escape(column.heading), justify="right" if column.numeric else "left")
    for row in table.rows:
        shown.add_row(*(rich.text.Text(cell.text, style="bold" if cell.best else "") for cell in row))
    return shown


def to_latex(table: Table) -> str:
    """A ``table*`` environment that needs the packages booktabs and graphicx."""
    columns = "".join("r" if column.numeric else "l" for column in table.columns)
    heading = " & ".join(latex_text(column.heading) for column in table.columns)
    rows = "\n".join("    " + " & ".join(_latex_cell(cell) for cell in row) + r" \\" for row in table.rows)
    notes = "\n".join(rf"  \par\footnotesize {latex_text(text)}" for text in table.notes)
    return rf"""\begin{{table*}}
  \centering
  \caption{{{latex_text(table.title)}. {latex_text(table.caption)}}}
  \label{{tab:{re.sub("[^a-z0-9-]", "-", table.name.lower())}}}
  \resizebox{{\linewidth}}{{!}}{{\begin{{tabular}}{{{columns}}}
    \toprule
    {heading} \\
    \midrule
{rows}
    \bottomrule
  \end{{tabular}}}}
{notes}
\end{{table*}}
"""


def latex_document(tables: Sequence[Table]) -> str:
    """A document that compiles as is; its tables can be pasted into a paper one by one."""
    body = "\n".join(to_latex(table) for table in tables)
    return rf"""\documentclass{{article}}
\usepackage[T1]{{fontenc}}
\usepackage{{textcomp}}
\usepackage[landscape,margin=15mm]{{geometry}}
\usepackage{{booktabs}}
\usepackage{{graphicx}}
\begin{{document}}
{body}
\end{{document}}
"""


def markdown_text(text: str) -> str:
    """``text`` as Markdown that shows exactly these characters, on one line."""
    return re.sub(r"([\\`*_|\[\]])", r"\\\1", html.escape(" ".join(text.split()), quote=False))


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "Δ": r"$\Delta$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "\N{EN DASH}": "--",
    "—": "---",
} | {letter: "\\" + letter for letter in "&%$#_{}"}


def latex_text(text: str) -> str:
    """``text`` for pdfLaTeX, on one line; a letter it has no glyph for loses its accent or becomes a question mark."""
    return "".join(_LATEX.get(letter) or _ascii(letter) for letter in " ".join(text.split()))


def _ascii(letter: str) -> str:
    plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return "".join(_LATEX.get(part, part) for part in plain if part.isprintable()) or "?"


def _markdown_cell(cell: Cell) -> str:
    return f"**{markdown_text(cell.text)}**" if cell.best else markdown_text(cell.text)


def _latex_cell(cell: Cell) -> str:
    return rf"\textbf{{{latex_text(cell.text)}}}" if cell.best else latex_text(cell.text)
