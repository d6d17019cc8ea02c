"""ImageNet (ILSVRC 2012; Russakovsky et al., arXiv 1409.0575), or some of its classes, in torchvision's folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from timm.data import ImageNetInfo, create_transform, resolve_data_config
from timm.models import get_pretrained_cfg
from torch import Tensor
from torchvision.datasets.folder import IMG_EXTENSIONS
from torchvision.transforms import Compose, InterpolationMode, PILToTensor, RandomHorizontalFlip, RandomResizedCrop

from bench.data import DataOptions
from bench.data.dataset import DataSet
from bench.data.files import HASHED_BYTES, FileSplit
from bench.data.workers import Loading
from bench.errors import BadInput

SPLIT_SEED = 0
VALIDATION_SHARE, LARGEST_VALIDATION = 0.1, 10_000
"""Of each class's training images, and of all of them together."""
COMPLETE = (1_281_167, 50_000)
"""Training and test images of the whole data set."""
OFFICIAL_TEST = "ILSVRC2012_val_"
EVALUATION_BATCH = 50

HOW_TO_GET_IT = (
    "give --data-dir DIR (or BENCH_DATA) with train/<synset>/ and val/<synset>/ in it or in DIR/imagenet; the images "
    "are at https://image-net.org for those who accept its terms"
)


def normalisation(backbone: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation that timm has for ``backbone``."""
    config = _config(backbone)
    return tuple(config["mean"]), tuple(config["std"])


def _config(backbone: str) -> dict:
    return resolve_data_config({}, pretrained_cfg=get_pretrained_cfg(backbone).to_dict())


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
    train, test = (_names(folder / split, synsets) for split in ("train", "val"))
    size = _bytes(folder / "train", train) + _bytes(folder / "val", test)
    config = _config(options.backbone)
    loading, hashed = Loading.choose(options.workers, options.prefetch), size <= HASHED_BYTES
    transform = evaluation_transform(config)

    def split(name: str, names: Sequence[str], chosen: Tensor) -> FileSplit:
        class_of = {synset: number for synset, number in zip(synsets, numbers)}
        some = [names[position] for position in chosen.tolist()]
        labels = torch.tensor([class_of[one.partition("/")[0]] for one in some])
        return FileSplit(folder / name, some, labels, chosen, transform, loading, hashed)

    training, validation = _divide(train)
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


def _folder(data_dir: Path | None) -> Path:
    for folder in () if data_dir is None else (data_dir / "imagenet", data_dir):
        if all((folder / split).is_dir() for split in ("train", "val")):
            return folder.absolute()
    raise BadInput(f"no ImageNet in {data_dir}: {HOW_TO_GET_IT}" if data_dir else f"imagenet: {HOW_TO_GET_IT}")


def _synsets(folder: Path, official: Sequence[str]) -> list[str]:
    """Names of the class folders in ``train`` and ``val``, in the official order, which is that of their names."""
    found = {split: _class_folders(folder / split, official) for split in ("train", "val")}
    for split, names in found.items():
        if not names:
            raise BadInput(f"{folder / split} holds no class folders")
        if strange := sorted(names - set(official)):
            raise BadInput(f"{folder / split / strange[0]} is named after none of ImageNet's 1,000 classes")
    for split, other in (("train", "val"), ("val", "train")):
        if missing := sorted(found[split] - found[other]):
            raise BadInput(f"class folder {folder / other / missing[0]} is missing; {split} has it")
    for synset in sorted(found["train"]):
        if (folder / "train" / synset).samefile(folder / "val" / synset):
            raise BadInput(f"{folder}: train/{synset} and val/{synset} are one folder: tested on what was trained on")
    return sorted(found["train"])


def _class_folders(folder: Path, official: Sequence[str]) -> set[str]:
    """Names of the folders in ``folder``. A class that leads nowhere is not passed over."""
    entries = {path.name: path.is_dir() for path in folder.iterdir()}
    if lost := sorted(name for name, is_folder in entries.items() if name in official and not is_folder):
        raise BadInput(f"{folder / lost[0]} is named after a class, but is no folder, or a link that leads nowhere")
    return {name for name, is_folder in entries.items() if is_folder}


def _names(folder: Path, synsets: Sequence[str]) -> list[str]:
    """Images of all classes, sorted, relative to ``folder``."""
    found = []
    for synset in synsets:
        names = sorted(path.name for path in (folder / synset).iterdir() if path.suffix.lower() in IMG_EXTENSIONS)
        if not names:
            raise BadInput(f"class folder {folder / synset} holds no images")
        if strange := [name for name in names if not _is_text(name)]:
            raise BadInput(f"the name of an image in {folder / synset} is no UTF-8: {strange[0]!a}")
        found += [f"{synset}/{name}" for name in names]
    return found


def _is_text(name: str) -> bool:
    """Whether a file's name can be written down: what is no UTF-8 Python holds as text that has no bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bytes(folder: Path, names: Sequence[str]) -> int:
    """Length of all files together; none may be empty."""
    sizes = {name: (folder / name).stat().st_size for name in names}
    if empty := [name for name, size in sizes.items() if not size]:
        raise BadInput(f"{folder / empty[0]} is no image that can be read: it is empty")
    return sum(sizes.values())


def _answers_with_all(outputs: int | None, at_hand: int, official: int) -> bool:
    if outputs not in (None, at_hand, official):
        raise BadInput(f"weights for {outputs:,} classes fit neither the {at_hand} at hand nor ImageNet's {official:,}")
    return outputs == official


def _divide(names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Positions of training and validation images: of every class the same share, drawn once and for all."""
    classes = np.array([name.partition("/")[0] for name in names])
    share = min(VALIDATION_SHARE, LARGEST_VALIDATION / len(names))
    generator = np.random.default_rng(SPLIT_SEED)
    validation = np.zeros(len(names), dtype=bool)
    for synset in np.unique(classes):
        mine = np.flatnonzero(classes == synset)
        validation[generator.permutation(mine)[: max(1, round(share * len(mine)))]] = True
    return tuple(torch.from_numpy(np.flatnonzero(chosen)) for chosen in (~validation, validation))


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
    size, interpolation = config["input_size"][-1], config["interpolation"]
    parts = [
        f"{training:,} training and {validation:,} validation images of train/ (the same share of every class, seed "
        f"{SPLIT_SEED}), test images of val/",
        f"{outputs:,} outputs",
        f"trained at {options.train_size or size} px, tested at {size} px ({config['crop_pct']:g} centre crop, "
        f"{interpolation}, timm's configuration of {options.backbone})",
        "fingerprint over names, sizes, labels" + (" and contents" if hashed else ", not contents"),
    ]
    if displaced:
        parts.append(
            f"{displaced:,} of the test images are, by their names, from ImageNet's training set: what public weights "
            "were trained on, so their accuracy here means little"
        )
    return "; ".join(parts)
