"""A data set of one's own: noise with brighter stripes, across or along."""

import torch

from bench.data import DataSet, DataSetDefaults, Source, Split
from bench.errors import BadInput

EPOCHS = {"epochs": 1, "backbone_epochs": 1, "batch_size": 20}
SOURCE = Source(__name__, DataSetDefaults("small", {"quick": EPOCHS, "paper": EPOCHS}))


def normalisation(backbone):
    return (0.5, 0.5, 0.5), (0.3, 0.3, 0.3)


def load(data_dir, options):
    if data_dir is not None and not data_dir.is_dir():
        raise BadInput(f"no folder {data_dir}")
    mean, std = normalisation(options.backbone)
    splits = dict(zip(("train", "validation", "test"), (_split(*part) for part in ((0, 100), (1, 40), (2, 60)))))
    same = {"mean": mean, "std": std, "augment": lambda images, generator: images, "note": "drawn"}
    return DataSet(name="stripes", classes=("across", "along"), **same, **splits)


def _split(seed, count):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 160, (count, 3, 32, 32), generator=generator, dtype=torch.uint8)
    labels = torch.arange(count) % 2
    images[labels == 0, :, ::4] += 90
    images[labels == 1, :, :, ::4] += 90
    return Split(images, labels, torch.arange(count))
