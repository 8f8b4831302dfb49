"""A picture and its label: what both must have in common."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from common.errors import DataError
from data_prep.output import read_image


def check_pair(image_path: Path, label_path: Path, largest: int) -> None:
    """See that a label is of its picture's size and holds values up to ``largest``.

    Args:
        image_path: the picture.
        label_path: its label, one 8-bit channel.
        largest: the highest value that a label may have.

    Raises:
        DataError: naming the file that is missing, unreadable, of another size or with other values.
    """
    if not label_path.is_file():
        raise DataError(f"expected the label {label_path} for {image_path} but found none; restore it")
    image, label = read_image(image_path), read_image(label_path, cv2.IMREAD_UNCHANGED)
    if label.ndim != 2 or label.dtype != np.uint8:
        raise DataError(f"expected one 8-bit channel but found {label.dtype} {label.shape} in {label_path}")
    if image.shape[:2] != label.shape:
        wanted, found = (f"{array.shape[1]}x{array.shape[0]}" for array in (image, label))
        raise DataError(f"expected a label of {wanted}, as {image_path}, but found {found} in {label_path}")
    if label.max() > largest:
        bad = np.unique(label[label > largest])[:10].tolist()
        raise DataError(f"expected label values 0..{largest} but found {bad} in {label_path}")
