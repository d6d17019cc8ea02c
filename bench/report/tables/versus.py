"""Two records side by side: what each measured, class by class, and the images on which they disagree."""

from __future__ import annotations

import pandas as pd

from bench.records import COLUMNS
from bench.report.entries import Entry, Result
from bench.report.results import require_same_images
from bench.report.tables.comparisons import compare
from bench.report.tabular import UNKNOWN, Cell, Column, Table
from bench.report.units import number, p_text, significant

SHOWN = 20
"""Images on which two records disagree, of each kind."""
LEFT_OUT = ("command", "commit", "created_utc", "environment_id", "schema_version")


def versus_tables(a: Result, b: Result) -> list[Table]:
    """Side by side, by class, and image by image.

    Raises:
        BadInput: the records were not measured on the same images.
    """
    require_same_images([a, b])
    both = a.samples.merge(b.samples, on=["index", "label"], suffixes=("_a", "_b")).sort_values("index")
    return [_side_by_side(a, b), _by_class(both), _disagreements(both)]


def _side_by_side(a: Result, b: Result) -> Table:
    found = compare(Entry([a]), Entry([b]))
    difference, test = found.difference, found.test

    def row(name: str) -> list[Cell]:
        field = "title" if name == "dataset" else name
        return [Cell(name), Cell(_text(getattr(a.record, field))), Cell(_text(getattr(b.record, field)))]

    assert test is not None
    return Table(
        name="side-by-side",
        title=f"A: {a.job}, B: {b.job}",
        caption=f"A minus B on the same {found.images:,} images: {difference.value:+.2f} points of top-1, 95 % paired "
        f"bootstrap interval [{difference.low:+.2f}, {difference.high:+.2f}]; only A is right on {test.only_a:,}, only "
        f"B on {test.only_b:,}, McNemar's exact test p {_p(test.p_value)}.",
        columns=[Column("", numeric=False), Column("A"), Column("B")],
        rows=[row(name) for name in COLUMNS if name not in LEFT_OUT],
    )


def _by_class(both: pd.DataFrame) -> Table:
    means = both.groupby("label")[["correct_a", "correct_b", "macs_a", "macs_b"]].mean()
    counts = both["label"].value_counts()

    def row(label: int) -> list[Cell]:
        mean = means.loc[label]
        top1 = (100 * mean["correct_a"], 100 * mean["correct_b"], 100 * (mean["correct_a"] - mean["correct_b"]))
        macs = (mean["macs_a"] / 1e6, mean["macs_b"] / 1e6)
        texts = (str(label), str(counts[label]), *map(number, top1), *map(number, macs))
        return [Cell(text) for text in texts]

    headings = ("Class", "Images", "Top-1 A (%)", "Top-1 B (%)", "A - B (points)", "MACs A (M)", "MACs B (M)")
    return Table(
        name="by-class",
        title="By class",
        caption="Accuracy and mean MACs per image of each class.",
        columns=[Column(heading) for heading in headings],
        rows=[row(label) for label in means.index],
    )


def _disagreements(both: pd.DataFrame) -> Table:
    only_a = both[both["correct_a"] & ~both["correct_b"]]
    only_b = both[both["correct_b"] & ~both["correct_a"]]
    shown = pd.concat([only_a.head(SHOWN), only_b.head(SHOWN)])
    rows = [
        [
            Cell("A" if image.correct_a else "B"),
            *(Cell(str(value)) for value in (image.index_, image.label, image.prediction_a, image.prediction_b)),
            Cell(number(image.macs_a / 1e6)),
            Cell(number(image.macs_b / 1e6)),
        ]
        for image in shown.rename(columns={"index": "index_"}).itertuples()
    ]
    headings = ("Right", "Image", "Label", "A says", "B says", "MACs A (M)", "MACs B (M)")
    return Table(
        name="disagreements",
        title="Images where exactly one of them is right",
        caption=f"Up to {SHOWN} of the {len(only_a):,} that only A and the {len(only_b):,} that only B gets right.",
        columns=[Column(heading) for heading in headings],
        rows=rows,
    )


def _text(value: object) -> str:
    if value is None or value == "":
        return UNKNOWN
    return significant(value, 6) if isinstance(value, float) else str(value)


def _p(value: float) -> str:
    text = p_text(value)
    return text if text.startswith("<") else f"= {text}"
