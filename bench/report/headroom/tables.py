"""Headroom as tables: what could be gained, who gains it, and why gates do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.report.headroom.findings import Cascade, Gain, Headroom, Network, Oracle
from bench.report.tabular import Cell, Column, Table
from bench.report.units import number, p_text

ROLES = {
    "static": "best static network",
    "dynamic": "best dynamic network",
    "dear": "dear network alone",
}
SPREAD = 1.96


def headroom_tables(found: Headroom, slug: str = "") -> list[Table]:
    """Every table that the findings allow; ``slug`` tells those of several groups apart."""
    tables = (
        _cascade_table(found),
        _gain_table(found),
        _oracle_table(found),
        _network_table(found),
        _probe_table(found),
    )
    return [
        replace(
            table,
            name=f"{table.name}-{slug}" if slug else table.name,
            title=f"{found.title} / {found.backbone}: {table.title}",
        )
        for table in tables
        if table
    ]


def shown_cascades(found: Headroom) -> list[Cascade]:
    """For each seed and budget the pair that is best on validation images, and the one that curve and probes show."""
    named = (found.curve[0].cheap, found.curve[0].dear) if found.curve else None
    rows = [row for row in found.cascades if row.chosen or (row.cheap, row.dear) == named]
    return sorted(rows, key=lambda row: (row.seed, row.budget, row.chosen))


def _cascade_table(found: Headroom) -> Table | None:
    def row(cascade: Cascade) -> list[Cell]:
        return [
            _cell(cascade.budget, 3),
            Cell(str(cascade.seed), cascade.seed),
            Cell(f"{cascade.cheap}, {cascade.dear}"),
            Cell("yes" if cascade.chosen else "no"),
            Cell("always" if cascade.threshold is None else number(cascade.threshold, 3), cascade.threshold),
            _cell(cascade.share, 1),
            _cell(cascade.macs, 3),
            _cell(cascade.top1),
            _cell(cascade.random_top1),
            _cell(cascade.coin_top1),
        ]

    rows = shown_cascades(found)
    if not rows:
        return None
    return Table(
        name="headroom",
        title="what could be gained",
        caption=f"Two networks in a row: the second is asked where the first one's confidence is low, and both are "
        f"paid. Thresholds are chosen on {found.validation_images:,} validation images for each budget and shown on "
        f"{found.images:,} test images. MACs are fractions of {found.backbone}'s. Best pair: of all pairs of this seed "
        "and budget, on validation images. Chance: it passes on as many images; or it picks one of the two networks "
        "before any is run, at equal MACs.",
        columns=[
            Column("Budget", "Mean MACs on validation images, as a fraction of the dense backbone's"),
            Column("Seed"),
            Column("First, second", "Where curve and probes are about another pair, that one is shown too", False),
            Column("Best pair", "Whether validation images prefer this pair to all others", numeric=False),
            Column("Threshold", "Of the first network's confidence"),
            Column("Passed on (%)", "Share of test images for which both networks ran"),
            Column("MACs", "Mean over test images, as a fraction of the dense backbone's"),
            Column("Top-1 (%)"),
            Column("Chance, same share", "Top-1 where chance passes on as many images; both networks are paid"),
            Column("Chance, same MACs", "Top-1 where chance picks one of the two before any is run"),
        ],
        rows=[row(cascade) for cascade in rows],
        notes=found.remarks,
    )


def _gain_table(found: Headroom) -> Table | None:
    def row(gain: Gain) -> list[Cell]:
        return [
            _cell(gain.budget, 3),
            Cell(str(gain.seed), gain.seed),
            Cell(f"{gain.cheap}, {gain.dear}"),
            Cell(f"{ROLES.get(gain.role, gain.role)}: {gain.over}"),
            _cell(gain.over_macs, 3),
            _cell(gain.over_top1),
            Cell(f"{gain.value:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}]", gain.value),
            Cell(p_text(gain.p_value), gain.p_value),
        ]

    if not found.gains:
        return None
    return Table(
        name="headroom-gains",
        title="who gains it",
        caption=f"Cascades minus single networks on the same {found.images:,} test images, in points of top-1: 95 % "
        "paired bootstrap intervals, p by McNemar's exact test, not adjusted. Best static and dynamic network: those "
        "with the highest validation accuracy for the same budget and 2 % more.",
        columns=[
            Column("Budget"),
            Column("Seed"),
            Column("First, second", numeric=False),
            Column("Against", numeric=False),
            Column("Its MACs", "Mean over test images, as a fraction of the dense backbone's"),
            Column("Its top-1 (%)"),
            Column("Δ top-1 (points)", "Paired bootstrap, 95 %"),
            Column("p (McNemar)", "Exact binomial, two-sided"),
        ],
        rows=[
            row(gain) for gain in sorted(found.gains, key=lambda gain: (gain.seed, gain.budget, gain.cheap, gain.dear))
        ],
    )


def _oracle_table(found: Headroom) -> Table | None:
    chosen = {(row.cheap, row.dear, row.seed) for row in shown_cascades(found)}
    if not chosen:  # Without cascades: every network with the dearest one.
        dearest = max(found.networks, key=lambda network: network.macs).name
        chosen = {(row.cheap, row.dear, row.seed) for row in found.oracles if row.dear == dearest}
    shown = [row for row in found.oracles if not row.dear or (row.cheap, row.dear, row.seed) in chosen]

    def row(oracle: Oracle) -> list[Cell]:
        name = f"{oracle.cheap} or {oracle.dear}" if oracle.dear else oracle.cheap
        values = ((oracle.top1, 2), (oracle.macs, 3), (oracle.only_cheap, 1), (oracle.only_dear, 1))
        return [Cell(name), Cell(str(oracle.seed), oracle.seed), *(_cell(*value) for value in values)]

    headings = ("Top-1 (%)", "MACs", "Only the cheap one right (%)", "Only the dear one right (%)")
    if not shown:
        return None
    return Table(
        name="headroom-oracle",
        title="if one knew which network suffices",
        caption="An oracle runs the cheapest network that is right, else the cheapest, and pays for that one alone. A "
        "bound that nobody reaches: over many networks it also collects lucky guesses.",
        columns=[Column("Networks", numeric=False), Column("Seed"), *map(Column, headings)],
        rows=[row(oracle) for oracle in shown],
    )


def _network_table(found: Headroom) -> Table:
    def row(network: Network) -> list[Cell]:
        numbers = (network.confidence_area, network.cost_errors, network.cost_people, network.doubt_people)
        return [
            Cell(network.name, target=f"record-{network.job}"),
            Cell(str(network.seed), network.seed),
            _cell(network.validation_top1),
            _cell(network.top1),
            _cell(network.macs, 3),
            *(_cell(value) for value in numbers),
            _cell(network.shuffled_loss),
        ]

    half = SPREAD / max(found.images - 3, 1) ** 0.5
    return Table(
        name="headroom-networks",
        title="who knows what is hard",
        caption=f"Spearman correlations over {found.images:,} test images (95 % interval about ± {half:.2f}): of what "
        "an image costs with whether it is wrong, and with the entropy of people's labels (CIFAR-10H; Peterson et al., "
        "2019); of a network's doubt (1 - confidence) with the same. Shuffled decisions: each validation image gets "
        "what was decided about another one, at equal shares and MACs.",
        columns=[
            Column("Method", numeric=False),
            Column("Seed"),
            Column("Validation top-1 (%)", "Far above the test's: validation images were trained on"),
            Column("Top-1 (%)"),
            Column("MACs", "As a fraction of the dense backbone's"),
            Column("Confidence: area", "Area under the ROC curve, for telling right answers from wrong ones"),
            Column("Cost and errors", "Spearman correlation"),
            Column("Cost and people", "Spearman correlation of cost with how much people disagree"),
            Column("Doubt and people", "Spearman correlation of 1 - confidence with how much people disagree"),
            Column("Lost when shuffled (points)", "Validation top-1 minus that with decisions of other images"),
        ],
        rows=[row(network) for network in found.networks],
    )


def _probe_table(found: Headroom) -> Table | None:
    if not found.probes:
        return None
    cheap, seed = found.probes[0].cheap, found.probes[0].seed
    own = next(row for row in found.networks if (row.name, row.seed) == (cheap, seed))
    last = max(probe.depth for probe in found.probes)
    rows = [
        [
            Cell(f"block {probe.depth}" if probe.depth < last else "classifier"),
            *_areas(probe.macs, probe.linear, probe.trees),
        ]
        for probe in found.probes
    ]
    rows.append([Cell(f"confidence of {cheap}"), *_areas(own.macs, own.confidence_area, None)])
    return Table(
        name="headroom-probes",
        title="what a gate could know",
        caption=f"Will {cheap} (seed {seed}) be wrong? Area under the ROC curve on {found.images:,} test images of "
        f"probes trained on {found.validation_images:,} validation images; they see mean and standard deviation of "
        f"each channel at an input in the dense {found.backbone}. Below: the network's own confidence, untrained.",
        columns=[
            Column("Input of", numeric=False),
            Column("MACs until there", "As a fraction of the dense backbone's"),
            Column("Linear probe", "Logistic regression"),
            Column("Boosted trees", "Histogram gradient boosting"),
        ],
        rows=rows,
    )


def _areas(macs: float, linear: float | None, trees: float | None) -> Sequence[Cell]:
    return _cell(macs, 3), _cell(linear), _cell(trees)


def _cell(value: float | None, digits: int = 2) -> Cell:
    return Cell(number(value, digits), value)
