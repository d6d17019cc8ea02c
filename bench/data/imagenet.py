"""ImageNet (ILSVRC 2012; Russakovsky et al., arXiv 1409.0575), or some of its classes, in torchvision's folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from timm.data import ImageNetInfo
from torch import Tensor

from bench.data.dataset import DataSet, Split
from bench.data.files import HASHED_BYTES, FileSplit
from bench.data.folders import (
    EVALUATION_BATCH,
    SPLIT_SEED,
    divide,
    evaluation_transform,
    image_names,
    note_on_fingerprint,
    note_on_size,
    require_same_classes,
    timm_config,
    timm_normalisation,
    total_bytes,
    training_transform,
    validation_share,
)
from bench.data.source import DataOptions
from bench.data.workers import Loading
from bench.errors import BadInput

COMPLETE = (1_281_167, 50_000)
"""Training and test images of the whole data set."""
OFFICIAL_TEST = "ILSVRC2012_val_"

HOW_TO_GET_IT = (
    "give --data-dir DIR (or BENCH_DATA) with train/<synset>/ and val/<synset>/ in it or in DIR/imagenet; the images "
    "are at https://image-net.org for those who accept its terms"
)


normalisation = timm_normalisation


def load(data_dir: Path | None, options: DataOptions) -> DataSet:
    """ImageNet from ``data_dir``; whichever of its classes have folders there.

    With weights of 1,000 outputs, labels are the official numbers and the network answers with 1,000 classes. Else
    it is made for the classes at hand.

    Raises:
        BadInput: no folder, a folder that is no class, a class without images, or weights for other classes.
    """
    folder = _folder(data_dir)
    info = ImageNetInfo()
    synsets = _synsets(folder, info.label_names())
    official = [info.label_names().index(synset) for synset in synsets]
    over_all = _answers_with_all(options.outputs, len(synsets), len(info.label_names()))
    numbers = official if over_all else range(len(synsets))
    train, test = (image_names(folder / split, synsets) for split in ("train", "val"))
    size = total_bytes(folder / "train", train) + total_bytes(folder / "val", test)
    config = timm_config(options.backbone)
    loading, hashed = Loading.choose(options.workers, options.prefetch), size <= HASHED_BYTES
    transform = evaluation_transform(config)

    def split(name: str, names: Sequence[str], chosen: Tensor) -> Split:
        class_of = {synset: number for synset, number in zip(synsets, numbers)}
        some = [names[position] for position in chosen.tolist()]
        labels = torch.tensor([class_of[one.partition("/")[0]] for one in some])
        return cast(
            Split, FileSplit(folder / name, some, labels, chosen, transform, loading, hashed)
        )  # with the face of images in memory

    training, validation = divide(train, validation_share(len(train)))
    classes = range(len(info.label_names())) if over_all else official
    title = _title(len(synsets), len(train), len(test))
    return DataSet(
        name="imagenet",
        classes=tuple(info.index_to_description(number).partition(",")[0] for number in classes),
        mean=config["mean"],
        std=config["std"],
        augment=training_transform(config, options.train_size),
        train=split("train", train, training),
        validation=split("train", train, validation),
        test=split("val", test, torch.arange(len(test))),
        note=_note(options, config, len(training), len(validation), len(classes), hashed, _displaced(test)),
        title=title,
        evaluation_batch=EVALUATION_BATCH,
        loader=loading.statistics,
    )


def _folder(data_dir: Path | None) -> Path:
    for folder in () if data_dir is None else (data_dir / "imagenet", data_dir):
        if all((folder / split).is_dir() for split in ("train", "val")):
            return folder.absolute()
    raise BadInput(f"no ImageNet in {data_dir}: {HOW_TO_GET_IT}" if data_dir else f"imagenet: {HOW_TO_GET_IT}")


def _synsets(folder: Path, official: Sequence[str]) -> list[str]:
    """Names of the class folders in ``train`` and ``val``, in the official order, which is that of their names."""
    found = {split: _class_folders(folder / split, official) for split in ("train", "val")}
    for split, names in found.items():
        if strange := sorted(names - set(official)):
            raise BadInput(f"{folder / split / strange[0]} is named after none of ImageNet's 1,000 classes")
    return require_same_classes(folder, found)


def _class_folders(folder: Path, official: Sequence[str]) -> set[str]:
    """Names of the folders in ``folder``. A class that leads nowhere is not passed over."""
    entries = {path.name: path.is_dir() for path in folder.iterdir()}
    if lost := sorted(name for name, is_folder in entries.items() if name in official and not is_folder):
        raise BadInput(f"{folder / lost[0]} is named after a class, but is no folder, or a link that leads nowhere")
    return {name for name, is_folder in entries.items() if is_folder}


def _answers_with_all(outputs: int | None, at_hand: int, official: int) -> bool:
    if outputs not in (None, at_hand, official):
        raise BadInput(f"weights for {outputs:,} classes fit neither the {at_hand} at hand nor ImageNet's {official:,}")
    return outputs == official


def _title(classes: int, train: int, test: int) -> str:
    if (train, test) == COMPLETE:
        return ""
    return f"imagenet, {classes:,}-class subset, {test:,} test images"


def _displaced(test: Sequence[str]) -> int:
    """How many test images come from ImageNet's training set, by their names."""
    return sum(not name.rpartition("/")[2].startswith(OFFICIAL_TEST) for name in test)


def _note(
    options: DataOptions, config: dict, training: int, validation: int, outputs: int, hashed: bool, displaced: int
) -> str:
    """What a reader has to know about the images of a record."""
    parts = [
        f"{training:,} training and {validation:,} validation images of train/ (the same share of every class, seed "
        f"{SPLIT_SEED}), test images of val/",
        f"{outputs:,} outputs",
        note_on_size(options.backbone, config, options.train_size),
        note_on_fingerprint(hashed),
    ]
    if displaced:
        parts.append(
            f"{displaced:,} of the test images are, by their names, from ImageNet's training set: what public weights "
            "were trained on, so their accuracy here means little"
        )
    return "; ".join(parts)
