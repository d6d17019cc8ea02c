"""A data set that timm reads: from Hugging Face, TensorFlow Datasets, WebDataset or torchvision.

``DIR/dataset.yaml`` names it as timm does, for instance ``name: hfds/ethz/food101``, and its splits. Its images are
unpacked once, into ``DIR/.bench``: timm's readers replace or pass over images that cannot be read, and some give no
image by its position.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock
from PIL import Image
from timm.data import create_dataset
from torchvision.datasets.folder import IMG_EXTENSIONS

from bench.data import folders
from bench.data.dataset import DataSet
from bench.data.sets.imagenet import DEFAULTS
from bench.data.source import DataOptions, Source
from bench.errors import BadInput
from bench.system.validation import of_declared_kinds

SOURCE = Source(__name__, DEFAULTS, from_files=True)
PACKAGES = {
    "hfds": ("datasets",),
    "wds": ("webdataset",),
    "tfds": ("tensorflow_datasets", "tensorflow"),
    "torch": ("torchvision",),
}
"""What reads the data sets of each of timm's prefixes."""
LONGEST = 300
"""Characters of a reader's own words that are shown: some list all data sets that they know."""
DESCRIPTION = "dataset.yaml"
HOW_TO_GIVE_IT = f"give --data-dir DIR with {DESCRIPTION} in it, in which name: says what timm calls the data set"
normalisation = folders.timm_normalisation


@dataclass(frozen=True)
class Description:
    """A data set as ``dataset.yaml`` describes it.

    Attributes:
        name: as :func:`timm.data.create_dataset` takes it, with a prefix of ``PACKAGES``. What follows ``hfds/`` may
            also be a folder in ``DIR``.
        train: the split that is trained on; validation images are drawn from it.
        test: the split that is for tests.
        input_key, target_key: fields of images and labels, where they are not timm's defaults.
    """

    name: str
    train: str = "train"
    test: str = "validation"
    input_key: str = ""
    target_key: str = ""

    @property
    def prefix(self) -> str:
        """Who reads it."""
        return self.name.partition("/")[0]

    def key(self) -> str:
        """What tells it from others, as the name of a folder."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:10]


def load(data_dir: Path | None, options: DataOptions) -> DataSet:
    """The data set that ``data_dir/dataset.yaml`` names.

    Raises:
        BadInput: no such file, an unknown name or split, a package that is not installed, an image that cannot be read
            or has no label, or fewer than two classes.
    """
    description = _read(data_dir)
    assert data_dir is not None
    unpacked = data_dir.absolute() / ".bench" / description.key()
    with _one_line(description):
        unpacked.parent.mkdir(exist_ok=True)
        with FileLock(unpacked.with_suffix(".lock")):
            if not unpacked.exists():
                _unpack(description, data_dir.absolute(), unpacked)
    names = {split: sorted(path.name for path in (unpacked / split).iterdir()) for split in ("train", "val")}
    numbers = folders.require_same_classes(unpacked, {split: set(found) for split, found in names.items()})
    known = json.loads((unpacked / "classes.json").read_text())
    classes = tuple(known.get(str(int(number)), str(int(number))) for number in numbers)
    folders.require_classes(description.name, classes)
    division = f"splits {description.train} and {description.test}"
    data = folders.dataset(description.name, numbers, folders.given_parts(unpacked, numbers), options, division)
    return replace(data, name="timm", classes=classes)


def _read(data_dir: Path | None) -> Description:
    if data_dir is None:
        raise BadInput(f"timm: {HOW_TO_GIVE_IT}")
    file = data_dir / DESCRIPTION
    if not file.is_file():
        raise BadInput(f"no {file}: {HOW_TO_GIVE_IT}")
    try:
        found = of_declared_kinds(Description(**yaml.safe_load(file.read_text())))
    except (TypeError, ValueError, yaml.YAMLError, OSError) as error:
        raise BadInput(f"{file} describes no data set ({_words(error)}): {HOW_TO_GIVE_IT}") from error
    packages = PACKAGES.get(found.prefix)
    if packages is None or "/" not in found.name:
        kinds = ", ".join(f"{prefix}/" for prefix in PACKAGES)
        raise BadInput(f"{file}: {found.name!r} begins with none of {kinds}")
    if missing := [package for package in packages if find_spec(package) is None]:
        raise BadInput(f"{found.name} is read by the package {missing[0]}, which is not installed")
    return found


@contextmanager
def _one_line(description: Description) -> Iterator[None]:
    """What timm, a reader or the disk raises, of whatever type, as one line, without what they print."""
    logger = logging.getLogger("timm.data")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(f"{description.name} cannot be read by timm: {_words(error)}") from error
    finally:
        logger.setLevel(level)


def _words(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= LONGEST else f"{words[:LONGEST]} ..."


def _unpack(description: Description, folder: Path, unpacked: Path) -> None:
    """Writes both splits' images into class folders named by their labels, whole or not at all."""
    partial = unpacked.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    names: dict[str, str] = {}
    for split, part in ((description.train, "train"), (description.test, "val")):
        for position, (content, suffix, label) in enumerate(_images(description, folder, split, names)):
            into = partial / part / f"{label:05d}"
            into.mkdir(parents=True, exist_ok=True)
            (into / f"{position:08d}{suffix}").write_bytes(content)
        if not (partial / part).exists():
            raise BadInput(f"split {split} of {description.name} holds no images")
    (partial / "classes.json").write_text(json.dumps(names))
    partial.rename(unpacked)


def _images(
    description: Description, folder: Path, split: str, names: dict[str, str]
) -> Iterator[tuple[bytes, str, int]]:
    """Content, suffix and label of each image of a split; adds what is known of the classes' names to ``names``."""
    data = _opened(description, folder, split)
    reader = getattr(data, "reader", data)
    known = getattr(reader, "class_to_idx", {})
    names.update({str(number): name for name, number in known.items()})
    count = 0
    for image, label in _items(data, reader):
        if not hasattr(label, "__index__") or int(label) < 0:
            raise BadInput(f"image {count} of split {split} of {description.name} has no one class: {label!r:.40}")
        yield *_encoded(image), int(label)
        count += 1
    if count != len(data):
        raise BadInput(f"{count:,} of the {len(data):,} images of split {split} of {description.name} could be read")


def _opened(description: Description, folder: Path, split: str) -> Any:
    local = folder / description.name.partition("/")[2]
    is_hugging_face = description.prefix == "hfds"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow tells of the processor on standard error
    if is_hugging_face:
        import_module("datasets").disable_progress_bars()
    keys: dict[str, Any] = {key: getattr(description, key) or None for key in ("input_key", "target_key")}
    return create_dataset(
        f"hfds/{local}" if is_hugging_face and local.is_dir() else description.name,
        root=str(folder / ".bench" / "cache" if is_hugging_face else folder),
        split=split,
        **keys,
    )


def _items(data: Any, reader: Any) -> Iterator[tuple[Any, Any]]:
    """Images and labels; those that have positions by these, since timm replaces what it cannot read by the next."""
    if hasattr(reader, "__getitem__"):
        return (reader[position] for position in range(len(data)))
    return iter(data)


def _encoded(image: Any) -> tuple[bytes, str]:
    """An image as a file: the original one where a reader hands it out, else without loss."""
    if not isinstance(image, Image.Image):
        with image:
            content = image.read()
        suffix = f".{(Image.open(BytesIO(content)).format or '').lower()}"
        if suffix in IMG_EXTENSIONS:
            return content, suffix
        image = Image.open(BytesIO(content)).convert("RGB")
    written = BytesIO()
    image.save(written, "PNG")
    return written.getvalue(), ".png"
