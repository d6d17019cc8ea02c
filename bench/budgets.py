"""How long things train: the backbone from its initialisation, and each method on top of it."""

from __future__ import annotations

from dataclasses import dataclass

from bench.errors import BadInput


@dataclass(frozen=True)
class DataSetDefaults:
    """What ``bench run`` uses for a data set unless told otherwise.

    Attributes:
        backbone: name of the backbone.
        epochs: per budget, epochs of a method on top of a trained backbone.
        backbone_epochs: per budget, epochs of the backbone from its initialisation.
        batch_size: of training; learning rates of SGD follow it linearly.
        points: operating points, fractions of the dense backbone's MACs.
    """

    backbone: str
    epochs: dict[str, int]
    backbone_epochs: dict[str, int]
    batch_size: int = 128
    points: tuple[float, ...] = (0.5,)


BUDGETS = ("quick", "paper")
DEFAULTS = {
    "digits": DataSetDefaults("resnet14", {"quick": 12, "paper": 100}, {"quick": 12, "paper": 100}, batch_size=32),
    "cifar10": DataSetDefaults("resnet20", {"quick": 6, "paper": 190}, {"quick": 30, "paper": 200}),
}


def defaults_for(dataset: str) -> DataSetDefaults:
    """The defaults of a data set.

    Raises:
        BadInput: an unknown data set.
    """
    if dataset not in DEFAULTS:
        raise BadInput(f"unknown data set {dataset!r}: choose from {', '.join(DEFAULTS)}")
    return DEFAULTS[dataset]
