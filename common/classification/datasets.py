"""Data sets of classified samples."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from mmengine.registry import DATASETS
from torch.utils.data import Dataset
from torchvision.transforms import v2

from common.classification.model import class_sample
from common.errors import ConfigError, DataError, did_you_mean

SPLITS = ("train", "val", "test")


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
                f"expected cifar-100-python (its Python version, unpacked) in {data_root}: {error}"
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

    Training images are cropped at random (an area of 8 % to 100 %) and flipped; others are resized, and their
    middle is cropped.

    Args:
        data_root: the folder with the split's folder.
        split: ``'train'`` or ``'val'``; ``'test'`` reads ``val`` too, where ImageNet's figures are measured.
        size: side of the crop in pixels.
        resized: shorter side before the middle is cropped.

    Raises:
        DataError: if the folder is not there or holds no images.
    """

    def __init__(self, data_root: str, split: str = "train", size: int = 224, resized: int = 256):
        _known_split(split)
        folder = Path(data_root) / ("train" if split == "train" else "val")
        try:
            self.stored = torchvision.datasets.ImageFolder(str(folder))
        except FileNotFoundError as error:
            raise DataError(f"expected a folder of images for each class in {folder}: {error}") from error
        self.metainfo = {"classes": tuple(self.stored.classes)}
        if split == "train":
            steps = [v2.RandomResizedCrop(size, antialias=True), v2.RandomHorizontalFlip()]
        else:
            steps = [v2.Resize(resized, antialias=True), v2.CenterCrop(size)]
        self.transform = v2.Compose([v2.PILToTensor(), *steps])

    def full_init(self) -> None:
        """Nothing is left to do."""

    def __len__(self) -> int:
        return len(self.stored)

    def __getitem__(self, index: int) -> dict[str, Any]:
        try:
            image, label = self.stored[index]
        except OSError as error:
            raise DataError(f"expected a readable image at {self.stored.samples[index][0]}: {error}") from error
        return {"inputs": self.transform(image), "data_samples": class_sample(label, index)}
