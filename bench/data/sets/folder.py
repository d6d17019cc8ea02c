"""A folder of images: any classes, one folder each.

``DIR/train/<class>/`` and ``DIR/val/<class>/``, or ``DIR/<class>/`` alone: then a tenth of every class's images are for
validation and a fifth for tests, drawn once and for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.data import folders
from bench.data.dataset import DataSet
from bench.data.folders import divide, image_names
from bench.data.sets.imagenet import DEFAULTS
from bench.data.source import DataOptions, Source
from bench.errors import BadInput

SOURCE = Source(__name__, DEFAULTS, from_files=True)
TEST_SHARE = 0.2
FEWEST = 3
"""Images of a class in a folder that is divided: one to train, validate and test on."""
HOW_TO_GIVE_IT = "give --data-dir DIR with train/<class>/ and val/<class>/ in it, or with <class>/ alone"
normalisation = folders.timm_normalisation


def load(data_dir: Path | None, options: DataOptions) -> DataSet:
    """The images in ``data_dir``.

    Raises:
        BadInput: no folder, fewer than two classes, one without images or too few to divide.
    """
    folder = _folder(data_dir)
    is_divided = any((folder / name).exists() for name in ("train", "val"))
    classes = _given_classes(folder) if is_divided else _classes(folder)
    folders.require_classes(str(folder), classes)
    parts = folders.given_parts(folder, classes) if is_divided else _drawn_parts(folder, classes)
    division = "as given" if is_divided else "drawn"
    return folders.dataset(f"folder {folder.name}", classes, parts, options, division)


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


def _drawn_parts(folder: Path, classes: Sequence[str]) -> list[folders.Part]:
    names = image_names(folder, classes)
    for one in classes:
        if (count := sum(name.startswith(f"{one}/") for name in names)) < FEWEST:
            raise BadInput(f"class folder {folder / one} holds {count} images: it takes {FEWEST} to divide them")
    rest, test = divide(names, TEST_SHARE)
    training, validation = divide([names[position] for position in rest.tolist()], folders.validation_share(len(rest)))
    return [folders.part(folder, names, positions) for positions in (rest[training], rest[validation], test)]
