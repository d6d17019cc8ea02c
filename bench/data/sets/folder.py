"""A folder of images: any classes, one folder each.

``DIR/train/<class>/`` and ``DIR/val/<class>/``, or ``DIR/<class>/`` alone: then a tenth of every class's images are for
validation and a fifth for tests, drawn once and for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from bench.data import folders
from bench.data.dataset import DataSet, Split
from bench.data.files import HASHED_BYTES, FileSplit
from bench.data.folders import SPLIT_SEED, divide, image_names
from bench.data.sets.imagenet import DEFAULTS
from bench.data.source import DataOptions, Source
from bench.data.workers import Loading
from bench.errors import BadInput

SOURCE = Source(__name__, DEFAULTS, from_files=True)
TEST_SHARE = 0.2
FEWEST = 3
"""Images of a class in a folder that is divided: one to train, validate and test on."""
HOW_TO_GIVE_IT = "give --data-dir DIR with train/<class>/ and val/<class>/ in it, or with <class>/ alone"
normalisation = folders.timm_normalisation


@dataclass(frozen=True)
class Part:
    """Images of one split: folder, names relative to it, and their positions among all of that folder."""

    root: Path
    names: Sequence[str]
    positions: Tensor


def load(data_dir: Path | None, options: DataOptions) -> DataSet:
    """The images in ``data_dir``.

    Raises:
        BadInput: no folder, fewer than two classes, one without images or too few to divide, or weights for other
            classes.
    """
    folder = _folder(data_dir)
    is_divided = any((folder / name).exists() for name in ("train", "val"))
    classes = _given_classes(folder) if is_divided else _classes(folder)
    if len(classes) < 2:
        raise BadInput(f"{folder} holds one class ({classes[0]}): there is nothing to tell apart")
    if options.outputs not in (None, len(classes)):
        raise BadInput(f"weights for {options.outputs:,} classes do not fit the {len(classes)} of {folder}")
    parts = _given_parts(folder, classes) if is_divided else _drawn_parts(folder, classes)
    return _dataset(folder, classes, parts, options, "as given" if is_divided else "drawn")


def _dataset(
    folder: Path, classes: Sequence[str], parts: Sequence[Part], options: DataOptions, division: str
) -> DataSet:
    config = folders.timm_config(options.backbone)
    transform = folders.evaluation_transform(config)
    hashed = sum(folders.total_bytes(part.root, part.names) for part in parts) <= HASHED_BYTES
    loading = Loading.choose(options.workers, options.prefetch)
    numbers = {name: number for number, name in enumerate(classes)}

    def split(part: Part) -> FileSplit:
        labels = torch.tensor([numbers[name.partition("/")[0]] for name in part.names], dtype=torch.int64)
        return FileSplit(part.root, part.names, labels, part.positions, transform, loading, hashed)

    train, validation, test = (cast(Split, split(part)) for part in parts)  # of the same face
    counts = f"{len(train):,} training, {len(validation):,} validation and {len(test):,} test images"
    notes = [
        f"folder {folder.name}: {counts} ({division}, validation by seed {SPLIT_SEED})",
        folders.note_on_size(options.backbone, config, options.train_size),
        folders.note_on_fingerprint(hashed),
    ]
    return DataSet(
        name="folder",
        classes=tuple(classes),
        mean=config["mean"],
        std=config["std"],
        augment=folders.training_transform(config, options.train_size),
        train=train,
        validation=validation,
        test=test,
        note="; ".join(notes),
        title=f"folder {folder.name}, {len(classes):,} classes, {len(test):,} test images",
        evaluation_batch=folders.EVALUATION_BATCH,
        loader=loading.statistics,
    )


def _folder(data_dir: Path | None) -> Path:
    if data_dir is None:
        raise BadInput(f"folder: {HOW_TO_GIVE_IT}")
    if not data_dir.is_dir():
        raise BadInput(f"no folder {data_dir}: {HOW_TO_GIVE_IT}")
    return data_dir.absolute()


def _classes(folder: Path) -> list[str]:
    """Names of the folders in ``folder``, but for hidden ones, sorted."""
    found = [path for path in folder.iterdir() if not path.name.startswith(".")]
    if lost := sorted(path for path in found if path.is_symlink() and not path.exists()):
        raise BadInput(f"{lost[0]} is a link that leads nowhere")
    names = sorted(path.name for path in found if path.is_dir())
    if strange := [name for name in names if not folders.is_text(name)]:
        raise BadInput(f"the name of a class in {folder} is no UTF-8: {strange[0]!a}")
    if not names:
        raise BadInput(f"{folder} holds no class folders: {HOW_TO_GIVE_IT}")
    return names


def _given_classes(folder: Path) -> list[str]:
    for split in ("train", "val"):
        if not (folder / split).is_dir():
            raise BadInput(f"{folder / split} is missing: {HOW_TO_GIVE_IT}")
    return folders.require_same_classes(folder, {split: set(_classes(folder / split)) for split in ("train", "val")})


def _given_parts(folder: Path, classes: Sequence[str]) -> list[Part]:
    """Validation images are drawn from ``train``; ``val`` is for tests."""
    train, test = (image_names(folder / split, classes) for split in ("train", "val"))
    training, validation = divide(train, folders.validation_share(len(train)))
    drawn = [_part(folder / "train", train, positions) for positions in (training, validation)]
    return [*drawn, _part(folder / "val", test, torch.arange(len(test)))]


def _drawn_parts(folder: Path, classes: Sequence[str]) -> list[Part]:
    names = image_names(folder, classes)
    for one in classes:
        if (count := sum(name.startswith(f"{one}/") for name in names)) < FEWEST:
            raise BadInput(f"class folder {folder / one} holds {count} images: it takes {FEWEST} to divide them")
    rest, test = divide(names, TEST_SHARE)
    training, validation = divide([names[position] for position in rest.tolist()], folders.validation_share(len(rest)))
    return [_part(folder, names, positions) for positions in (rest[training], rest[validation], test)]


def _part(root: Path, names: Sequence[str], positions: Tensor) -> Part:
    return Part(root, [names[position] for position in positions.tolist()], positions)
