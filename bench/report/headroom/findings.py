"""What could be gained by choosing among networks for each image, as ``headroom.json`` keeps it.

Accuracies are percent, costs fractions of the dense backbone's MACs, correlations and areas plain numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from bench.errors import BadInput
from bench.system.files import write_atomically
from bench.system.validation import of_declared_kinds

FILE = "headroom.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Network:
    """One record: what it costs, and whether its cost and its confidence know what is hard.

    Attributes:
        top1, macs: on test images. validation_top1: None where the network was not run.
        varies: whether it spends more on one image than on another.
        confidence_area: area under the ROC curve of its confidence, for telling its right from its wrong answers.
        cost_errors: Spearman correlation of what an image costs with whether it is wrong.
        cost_people, doubt_people: the same of cost, and of 1 - confidence, with the entropy of people's labels.
        shuffled_loss: points of validation top-1 lost when each image gets another one's decisions.
    """

    job: str
    name: str
    seed: int
    top1: float
    macs: float
    varies: bool
    validation_top1: float | None = None
    confidence_area: float | None = None
    cost_errors: float | None = None
    cost_people: float | None = None
    doubt_people: float | None = None
    shuffled_loss: float | None = None


@dataclass(frozen=True)
class Oracle:
    """Accuracy and cost if one knew which network suffices.

    Attributes:
        cheap, dear: names of the two; of all networks together ``dear`` is empty and ``cheap`` says how many.
        only_cheap, only_dear: images (percent) that only one of the two gets right; None for more than two.
    """

    cheap: str
    dear: str
    seed: int
    top1: float
    macs: float
    only_cheap: float | None = None
    only_dear: float | None = None


@dataclass(frozen=True)
class Cascade:
    """A cheap network, then a dear one where confidence is low: the threshold from validation images, shown on test.

    Attributes:
        budget: what it may cost on validation images.
        chosen: whether of all pairs of this seed and budget it is the best on validation images.
        threshold: of the cheap network's confidence; None where the budget pays for both on every image.
        share: test images (percent) that were passed on.
        random_top1: where chance passes on the same share of the images; both networks are paid.
        coin_top1: where chance picks one of the two at equal cost, before any is run.
    """

    cheap: str
    dear: str
    seed: int
    budget: float
    chosen: bool
    threshold: float | None
    validation_top1: float
    share: float
    top1: float
    macs: float
    random_top1: float
    coin_top1: float


@dataclass(frozen=True)
class Gain:
    """A chosen or named cascade minus another network on the same test images: points of top-1.

    Attributes:
        over: name of the other network; its ``role`` says why it: ``static``, ``dynamic`` (the best of its kind on
            validation images for this budget) or ``dear`` (the cascade's second network, asked always).
        low, high: 95 % paired bootstrap interval. p_value: of McNemar's exact test.
    """

    cheap: str
    dear: str
    seed: int
    budget: float
    role: str
    over: str
    over_top1: float
    over_macs: float
    value: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Probe:
    """How well probes tell from a block's input that ``cheap`` will be wrong; areas under the ROC curve.

    Attributes:
        depth: blocks in front of this input; as many as there are: in front of the classifier.
        macs: spent before it.
    """

    cheap: str
    seed: int
    depth: int
    macs: float
    linear: float
    trees: float


@dataclass(frozen=True)
class CurvePoint:
    """One pair's cascade at one budget: threshold chosen on validation images, shown on test."""

    cheap: str
    dear: str
    macs: float
    top1: float
    random_top1: float


_ROWS: dict[str, type] = {
    "networks": Network,
    "oracles": Oracle,
    "cascades": Cascade,
    "gains": Gain,
    "probes": Probe,
    "curve": CurvePoint,
}


@dataclass(frozen=True)
class Headroom:
    """All findings on one set of images.

    Attributes:
        backbone: the dense one that costs are fractions of.
        images, validation_images: how many; no validation images where no network was run.
        remarks: what was left out, and why.
    """

    dataset: str
    title: str
    backbone: str
    images: int
    validation_images: int
    networks: tuple[Network, ...]
    oracles: tuple[Oracle, ...]
    cascades: tuple[Cascade, ...] = ()
    gains: tuple[Gain, ...] = ()
    probes: tuple[Probe, ...] = ()
    curve: tuple[CurvePoint, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def jobs(self) -> set[str]:
        """The records that this was made of."""
        return {network.job for network in self.networks}


def write_findings(path: Path, found: Headroom) -> None:
    """Writes ``found`` as JSON, whole or not at all."""
    text = json.dumps({"schema_version": SCHEMA_VERSION} | asdict(found), indent=1, allow_nan=False)
    write_atomically(path, lambda temporary: temporary.write_text(text + "\n", encoding="utf-8"))


def read_findings(path: Path) -> Headroom:
    """The findings in ``path``.

    Raises:
        BadInput: no JSON, another schema version, or rows of another kind.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict) or values.pop("schema_version", None) != SCHEMA_VERSION:
            raise BadInput(f"{path} has another schema version: run bench headroom again")
        rows: dict[str, Any] = {
            name: tuple(_row(kind, row) for row in values.pop(name)) for name, kind in _ROWS.items()
        }
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return of_declared_kinds(Headroom(**values, **rows))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(f"{path} holds no findings of bench headroom: {error}") from error


def find_findings(folders: Iterable[Path]) -> list[Headroom]:
    """All findings below the given folders."""
    return [read_findings(path) for folder in folders for path in sorted(folder.rglob(FILE))]


def _row(kind: type, values: Any) -> Any:
    if not isinstance(values, dict) or not values.keys() <= {field.name for field in fields(kind)}:
        raise TypeError(f"a row is no {kind.__name__}")
    return of_declared_kinds(kind(**values))
