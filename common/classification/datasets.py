"""Data sets of classified samples."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from mmengine.registry import DATASETS
from torch.utils.data import Dataset
from torchvision.datasets.folder import IMG_EXTENSIONS, default_loader, make_dataset
from torchvision.transforms import v2

from common.classification.model import class_sample
from common.errors import ConfigError, DataError, did_you_mean

SPLITS = ("train", "val", "test")
CIFAR100_URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"


def _known_split(split: str) -> None:
    if split not in SPLITS:
        raise ConfigError(f"expected split {', '.join(SPLITS)} but found {split!r}{did_you_mean(split, SPLITS)}")


@DATASETS.register_module()
class DigitsDataset(Dataset):
    """The 1,797 handwritten digits of scikit-learn, 8 x 8 pixels, in fixed thirds by class.

    Within each class, in the file's order, every third digit is for testing and, of the others, every sixth for
    validation. The file's order goes by writer, so that all three have the same writers.

    Args:
        split: ``'train'``, ``'val'`` or ``'test'``.
    """

    deterministic = True  # see `common.sampling.SeededDataset`

    def __init__(self, split: str = "train"):
        from sklearn.datasets import load_digits

        _known_split(split)
        self.metainfo = {"classes": tuple("0123456789")}
        digits = load_digits()
        self.indices = np.flatnonzero(_thirds(digits.target) == split)
        # Standardised by round numbers near the mean 4.9 and the deviation 6.0 of the pixels 0..16.
        images = torch.from_numpy((digits.images[self.indices] - 5.0) / 6.0).float()[:, None]
        self.images, self.labels = images, digits.target[self.indices]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of images and labels, for `common.cache`."""
        return hashlib.sha256(self.images.numpy().tobytes() + self.labels.tobytes()).hexdigest()

    def full_init(self) -> None:
        """Nothing is left to do."""

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"inputs": self.images[index], "data_samples": class_sample(int(self.labels[index]), index)}


def _thirds(labels: np.ndarray) -> np.ndarray:
    """Name of the split of each sample."""
    names = np.full(len(labels), "train", dtype="<U5")
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        names[own[2::3]] = "test"
        rest = np.delete(own, np.s_[2::3])
        names[rest[5::6]] = "val"
    return names


@DATASETS.register_module()
class CIFAR100Dataset(Dataset):
    """CIFAR-100 from a local copy, ``cifar-100-python`` in ``data_root``; nothing is downloaded.

    Training images are padded by 4 pixels, cropped to 32 x 32 and flipped. There is no validation split; ``'val'``
    are the last 5,000 training images, which ``'train'`` leaves out where ``hold_out`` is set.

    Args:
        data_root: the folder with ``cifar-100-python``.
        split: ``'train'``, ``'val'`` or ``'test'``.
        hold_out: whether training leaves the validation images out.

    Raises:
        DataError: if the data is not there.
    """

    def __init__(self, data_root: str, split: str = "train", hold_out: bool = False):
        _known_split(split)
        try:
            stored = torchvision.datasets.CIFAR100(data_root, train=split != "test", download=False)
        except RuntimeError as error:
            raise DataError(
                f"expected CIFAR-100 for Python at {Path(data_root).absolute()}/cifar-100-python but found none, or a "
                f"damaged copy; fetch {CIFAR100_URL} and unpack it there, or name another folder (--data-root)"
            ) from error
        chosen = {"train": slice(0, 45000 if hold_out else 50000), "val": slice(45000, 50000), "test": slice(0, 10000)}
        self.images = torch.from_numpy(stored.data[chosen[split]]).permute(0, 3, 1, 2)
        self.labels = stored.targets[chosen[split]]
        self.metainfo = {"classes": tuple(stored.classes)}
        self.transform: Callable | None = None
        if split == "train":
            self.transform = v2.Compose([v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip()])

    def full_init(self) -> None:
        """Nothing is left to do."""

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image = self.images[index] if self.transform is None else self.transform(self.images[index])
        return {"inputs": image, "data_samples": class_sample(self.labels[index], index)}


@DATASETS.register_module()
class ImageFolderDataset(Dataset):
    """Images in a folder per class, as ImageNet's ``train`` and ``val`` are laid out.

    Classes are numbered in the order of the folders' names in ``train``, in every split. Training images are cropped at
    random (an area of 8 % to 100 %) and flipped; others are resized, and their middle is cropped.

    Args:
        data_root: the folder with the splits' folders.
        split: ``'train'``, ``'val'`` or ``'test'``; without a folder ``test``, ``'test'`` reads ``val``, where
            ImageNet's figures are measured.
        size: side of the crop in pixels.
        resized: shorter side before the middle is cropped.
        classes: names of the classes' folders in the order of their numbers, in place of those in ``train``.

    Raises:
        DataError: if the split or ``train`` is not there, their folders differ, the split holds no images or, in
            ``train``, one of the classes has none.
    """

    def __init__(
        self,
        data_root: str,
        split: str = "train",
        size: int = 224,
        resized: int = 256,
        classes: Sequence[str] | None = None,
    ):
        _known_split(split)
        root = Path(data_root)
        folder = root / ("val" if split == "test" and not (root / "test").is_dir() else split)
        found = _class_folders(folder)
        if classes is None:
            classes = found if split == "train" else _train_classes(root)
        _same_folders(folder, found, classes)
        numbers = {name: number for number, name in enumerate(classes)}
        try:
            self.samples = make_dataset(folder, numbers, IMG_EXTENSIONS, allow_empty=split != "train")
        except FileNotFoundError as error:
            raise DataError(f"expected images of every class in {folder}: {error}") from error
        if not self.samples:
            raise DataError(f"expected images in {folder} but found none; known are {', '.join(IMG_EXTENSIONS)}")
        self.metainfo = {"classes": tuple(classes)}
        if split == "train":
            steps = [v2.RandomResizedCrop(size, antialias=True), v2.RandomHorizontalFlip()]
        else:
            steps = [v2.Resize(resized, antialias=True), v2.CenterCrop(size)]
        self.transform = v2.Compose([v2.PILToTensor(), *steps])

    def full_init(self) -> None:
        """Nothing is left to do."""

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> dict[str, Any]:
        path, label = self.samples[index]
        try:
            image = default_loader(path)
        except OSError as error:
            raise DataError(f"expected a readable image at {path}: {error}") from error
        return {"inputs": self.transform(image), "data_samples": class_sample(label, index)}


def _class_folders(folder: Path) -> list[str]:
    """Names of the folders of a split, sorted; hidden ones are none of its classes."""
    names = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    names = sorted(name for name in names if not name.startswith("."))
    if not names:
        raise DataError(f"expected a folder of images for each class in {folder.absolute()} but found none")
    return names


def _train_classes(root: Path) -> list[str]:
    if not (root / "train").is_dir():
        raise DataError(
            f"expected {root.absolute()}/train, whose folders number the classes, but found none; name the classes in "
            "their order in training (classes=[...] in the dataset's config)"
        )
    return _class_folders(root / "train")


def _same_folders(folder: Path, found: Sequence[str], classes: Sequence[str]) -> None:
    absent, extra = ([name for name in one if name not in other] for one, other in ((classes, found), (found, classes)))
    told = []
    if absent:
        told.append(f"lacks {', '.join(absent[:5])} (an empty folder will do)")
    if extra:
        told.append(f"has {', '.join(extra[:5])} besides")
    if told:
        raise DataError(
            f"expected a folder for each of the {len(classes)} classes of train (or of classes=), and no other, in "
            f"{folder.absolute()}, but it {' and '.join(told)}"
        )
