"""Images in class folders: which there are, how they are divided, and what networks of timm's see of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from timm.data import create_transform, resolve_data_config
from timm.models import get_pretrained_cfg
from torch import Tensor
from torchvision.datasets.folder import IMG_EXTENSIONS
from torchvision.transforms import Compose, InterpolationMode, PILToTensor, RandomHorizontalFlip, RandomResizedCrop

from bench.data.dataset import DataSet, Split
from bench.data.files import HASHED_BYTES, FileSplit
from bench.data.source import DataOptions, Normalisation
from bench.data.workers import Loading
from bench.errors import BadInput
from bench.networks.backbones import build_backbone

SPLIT_SEED = 0
VALIDATION_SHARE, LARGEST_VALIDATION = 0.1, 10_000
"""Of each class's training images, and of all of them together."""
EVALUATION_BATCH = 50


@dataclass(frozen=True)
class Part:
    """Images of one split: folder, names relative to it, and their positions among all of that folder."""

    root: Path
    names: Sequence[str]
    positions: Tensor


def part(root: Path, names: Sequence[str], positions: Tensor) -> Part:
    """Those of the images ``names`` below ``root`` that stand at ``positions``."""
    return Part(root, [names[position] for position in positions.tolist()], positions)


def require_classes(where: str, classes: Sequence[str]) -> None:
    """Raises BadInput for one class alone."""
    if len(classes) < 2:
        raise BadInput(f"{where} holds one class ({classes[0]}): there is nothing to tell apart")


def require_same_classes(folder: Path, found: Mapping[str, set[str]]) -> list[str]:
    """The names of the classes in ``folder/train`` and ``folder/val``, sorted.

    Args:
        found: names of the class folders, by split.

    Raises:
        BadInput: none, a class that one split lacks, or two splits that are one folder.
    """
    for split, names in found.items():
        if not names:
            raise BadInput(f"{folder / split} holds no class folders")
    for split, other in (("train", "val"), ("val", "train")):
        if missing := sorted(found[split] - found[other]):
            raise BadInput(f"class folder {folder / other / missing[0]} is missing; {split} has it")
    for name in sorted(found["train"]):
        if (folder / "train" / name).samefile(folder / "val" / name):
            raise BadInput(f"{folder}: train/{name} and val/{name} are one folder: tested on what was trained on")
    return sorted(found["train"])


def image_names(folder: Path, classes: Sequence[str]) -> list[str]:
    """Images of all classes, sorted, relative to ``folder``.

    Raises:
        BadInput: a class without images, or a name that cannot be written down.
    """
    found = []
    for name in classes:
        names = sorted(path.name for path in (folder / name).iterdir() if path.suffix.lower() in IMG_EXTENSIONS)
        if not names:
            raise BadInput(f"class folder {folder / name} holds no images")
        if strange := [name for name in names if not is_text(name)]:
            raise BadInput(f"the name of an image in {folder / name} is no UTF-8: {strange[0]!a}")
        found += [f"{name}/{image}" for image in names]
    return found


def is_text(name: str) -> bool:
    """Whether a file's name can be written down: what is no UTF-8 Python holds as text that has no bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def total_bytes(folder: Path, names: Sequence[str]) -> int:
    """Length of all files together; none may be empty.

    Raises:
        BadInput: an empty file.
    """
    sizes = {name: (folder / name).stat().st_size for name in names}
    if empty := [name for name, size in sizes.items() if not size]:
        raise BadInput(f"{folder / empty[0]} is no image that can be read: it is empty")
    return sum(sizes.values())


def divide(names: Sequence[str], share: float) -> tuple[Tensor, Tensor]:
    """Positions of the images that stay and of a ``share`` of every class, at least one, drawn once and for all."""
    classes = np.array([name.partition("/")[0] for name in names])
    generator = np.random.default_rng(SPLIT_SEED)
    drawn = np.zeros(len(names), dtype=bool)
    for one in np.unique(classes):
        mine = np.flatnonzero(classes == one)
        drawn[generator.permutation(mine)[: max(1, round(share * len(mine)))]] = True
    return torch.from_numpy(np.flatnonzero(~drawn)), torch.from_numpy(np.flatnonzero(drawn))


def validation_share(images: int) -> float:
    """Of each class's training images."""
    return min(VALIDATION_SHARE, LARGEST_VALIDATION / images)


def timm_config(backbone: str) -> dict:
    """Size, crop, interpolation and normalisation that timm has for ``backbone``; its usual ones for others."""
    known = get_pretrained_cfg(backbone, allow_unregistered=True)
    if known is None:
        return resolve_data_config({"input_size": build_backbone(backbone, classes=2).image_shape})
    return resolve_data_config({}, pretrained_cfg=known.to_dict())


def timm_normalisation(backbone: str) -> Normalisation:
    """Mean and standard deviation that timm has for ``backbone``."""
    config = timm_config(backbone)
    return tuple(config["mean"]), tuple(config["std"])


def evaluation_transform(config: dict) -> Compose:
    """timm's resizing and centre crop, before it normalises: images to uint8 ``[3, H, W]``."""
    keys = ("input_size", "interpolation", "crop_pct", "crop_mode")
    transform = create_transform(**{key: config[key] for key in keys}, is_training=False, use_prefetcher=True)
    return Compose([transform, torch.as_tensor])


def training_transform(config: dict, size: int) -> Compose:
    """A random part of the image (8 to 100 % of its area) and a flip of half of them, to uint8 ``[3, size, size]``."""
    interpolation = InterpolationMode(config["interpolation"])
    crop = RandomResizedCrop(size or config["input_size"][-1], interpolation=interpolation)
    return Compose([crop, RandomHorizontalFlip(), PILToTensor()])


def note_on_size(backbone: str, config: dict, train_size: int) -> str:
    """How large images are, for a record's note."""
    size, interpolation = config["input_size"][-1], config["interpolation"]
    return (
        f"trained at {train_size or size} px, tested at {size} px ({config['crop_pct']:g} centre crop, "
        f"{interpolation}, timm's configuration of {backbone})"
    )


def note_on_fingerprint(hashed: bool) -> str:
    """What the fingerprint covers, for a record's note."""
    return "fingerprint over names, sizes, labels" + (" and contents" if hashed else ", not contents")


def given_parts(folder: Path, classes: Sequence[str]) -> list[Part]:
    """Training, validation and test images: validation images are drawn from ``train``; ``val`` is for tests."""
    train, test = (image_names(folder / split, classes) for split in ("train", "val"))
    training, validation = divide(train, validation_share(len(train)))
    drawn = [part(folder / "train", train, positions) for positions in (training, validation)]
    return [*drawn, part(folder / "val", test, torch.arange(len(test)))]


def dataset(what: str, classes: Sequence[str], parts: Sequence[Part], options: DataOptions, division: str) -> DataSet:
    """Training, validation and test images in class folders.

    Args:
        what: name of the whole, for titles and notes.
        classes: names of the class folders, in the order of their labels.
        division: how the images came into training and test images, for the note.

    Raises:
        BadInput: an empty file.
    """
    config = timm_config(options.backbone)
    transform = evaluation_transform(config)
    hashed = sum(total_bytes(part.root, part.names) for part in parts) <= HASHED_BYTES
    loading = Loading.choose(options.workers, options.prefetch)
    numbers = {name: number for number, name in enumerate(classes)}

    def split(part: Part) -> FileSplit:
        labels = torch.tensor([numbers[name.partition("/")[0]] for name in part.names], dtype=torch.int64)
        return FileSplit(part.root, part.names, labels, part.positions, transform, loading, hashed)

    train, validation, test = (cast(Split, split(part)) for part in parts)  # of the same face
    counts = f"{len(train):,} training, {len(validation):,} validation and {len(test):,} test images"
    notes = [
        f"{what}: {counts} ({division}, validation by seed {SPLIT_SEED})",
        note_on_size(options.backbone, config, options.train_size),
        note_on_fingerprint(hashed),
    ]
    return DataSet(
        name="folder",
        classes=tuple(classes),
        mean=config["mean"],
        std=config["std"],
        augment=training_transform(config, options.train_size),
        train=train,
        validation=validation,
        test=test,
        note="; ".join(notes),
        title=f"{what}, {len(classes):,} classes, {len(test):,} test images",
        evaluation_batch=EVALUATION_BATCH,
        loader=loading.statistics,
    )
