"""Headroom as tables: what could be gained, who gains it, and why gates do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.report.headroom.findings import Cascade, Gain, Headroom, Network, Oracle
from bench.report.tabular import UNKNOWN, Cell, Column, Table
from bench.report.units import number, p_text

ROLES = {
    "static": "Over the best static network",
    "dynamic": "Over the best dynamic network",
    "dear": "Over the dear one alone",
}
SPREAD = 1.96


def headroom_tables(found: Headroom, slug: str = "") -> list[Table]:
    """Every table that the findings allow; ``slug`` tells those of several groups apart."""
    tables = (_cascade_table(found), _oracle_table(found), _network_table(found), _probe_table(found))
    return [
        replace(
            table,
            name=f"{table.name}-{slug}" if slug else table.name,
            title=f"{found.title} / {found.backbone}: {table.title}",
        )
        for table in tables
        if table
    ]


def chosen_cascades(found: Headroom) -> list[Cascade]:
    """For each budget and seed the pair that is best on validation images."""
    return sorted((row for row in found.cascades if row.chosen), key=lambda row: (row.budget, row.seed))


def _cascade_table(found: Headroom) -> Table | None:
    chosen = chosen_cascades(found)
    if not chosen:
        return None
    gains = {(gain.budget, gain.seed, gain.role): gain for gain in found.gains}

    def row(cascade: Cascade) -> list[Cell]:
        return [
            _cell(cascade.budget),
            Cell(str(cascade.seed), cascade.seed),
            Cell(cascade.cheap),
            Cell(cascade.dear),
            Cell("always" if cascade.threshold is None else number(cascade.threshold, 3), cascade.threshold),
            _cell(cascade.share, 1),
            _cell(cascade.macs, 3),
            _cell(cascade.top1),
            _cell(cascade.random_top1),
            _cell(cascade.coin_top1),
            *(_gain_cell(gains.get((cascade.budget, cascade.seed, role))) for role in ROLES),
        ]

    return Table(
        name="headroom",
        title="what could be gained, and who gains it",
        caption=f"Two networks in a row: the dear one is asked where the cheap one's confidence is low, and both are "
        f"paid. Pair and threshold are chosen on {found.validation_images:,} validation images for each budget and "
        f"shown on {found.images:,} test images. MACs are fractions of {found.backbone}'s. Best static and dynamic "
        "network: those with the highest validation accuracy for the same budget and 2 % more. Differences in points "
        "of top-1 with 95 % paired bootstrap intervals, p by McNemar's exact test, not adjusted.",
        columns=[
            Column("Budget", "Mean MACs on validation images, as a fraction of the dense backbone's"),
            Column("Seed"),
            Column("Cheap network", numeric=False),
            Column("Dear network", numeric=False),
            Column("Threshold", "Of the cheap network's confidence"),
            Column("Passed on (%)", "Share of test images for which both networks ran"),
            Column("MACs", "Mean over test images, as a fraction of the dense backbone's"),
            Column("Top-1 (%)"),
            Column("By chance, same share", "Top-1 where chance passes on as many images; both networks are paid"),
            Column("By chance, same MACs", "Top-1 where chance picks one of the two before any is run"),
            *(Column(heading, "Points of top-1") for heading in ROLES.values()),
        ],
        rows=[row(cascade) for cascade in chosen],
        notes=found.remarks,
    )


def _oracle_table(found: Headroom) -> Table | None:
    chosen = {(row.cheap, row.dear, row.seed) for row in found.cascades if row.chosen}
    pairs = [row for row in found.oracles if (row.cheap, row.dear, row.seed) in chosen]
    shown = (pairs or [row for row in found.oracles if row.dear]) + [row for row in found.oracles if not row.dear]

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


def _gain_cell(gain: Gain | None) -> Cell:
    if gain is None:
        return Cell(UNKNOWN)
    p = p_text(gain.p_value)
    return Cell(
        f"{gain.value:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}], p {p if p.startswith('<') else f'= {p}'} "
        f"({gain.over}: {gain.over_top1:.2f} at {gain.over_macs:.3f})",
        gain.value,
    )
